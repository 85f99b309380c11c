// Services that find each other: an instance registers its address under a lease that it keeps alive, and
// whoever needs the service follows the list. An instance that dies disappears when its lease ends.
import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import { Session } from "#client/session.ts";
import { Event_EventType } from "#proto/gen/mvcc.ts";

const folderOf = (service: string): string => `services/${service}/`;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Registers an instance; `close` of the session takes it off the list at once. */
export async function register(
  client: EtcdClient,
  service: string,
  instance: { readonly id: string; readonly address: string; readonly ttlSeconds: number },
): Promise<Session> {
  const session = await Session.open(client, { ttlSeconds: instance.ttlSeconds });
  const key = `${folderOf(service)}${instance.id}`;
  await client.kv.put(key, instance.address, { lease: session.lease });
  return session;
}

/** The addresses by instance, now and after every change. */
export async function* follow(
  client: EtcdClient,
  service: string,
): AsyncGenerator<ReadonlyMap<string, string>> {
  const folder = folderOf(service);
  const rangeEnd = prefixEnd(utf8(folder));
  const { header, kvs } = await client.kv.range(folder, { rangeEnd });
  const addresses = new Map<string, string>();
  const idOf = (key: Uint8Array): string => text(key).slice(folder.length);
  for (const { key, value } of kvs) addresses.set(idOf(key), text(value));
  yield new Map(addresses);
  // From the revision after the list: nothing is missed and nothing comes twice.
  const startRevision = (header?.revision ?? 0) + 1;
  for await (const { events } of client.watch.watch(folder, { rangeEnd, startRevision })) {
    for (const { kv, type } of events) {
      if (kv === undefined) continue;
      if (type === Event_EventType.DELETE) addresses.delete(idOf(kv.key));
      else addresses.set(idOf(kv.key), text(kv.value));
    }
    yield new Map(addresses);
  }
}
