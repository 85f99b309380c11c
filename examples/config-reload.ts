// Configuration that a program takes over while it runs: the keys below a prefix are read whole, and
// again as one whenever a transaction has changed some of them. What cannot be used is told, and the
// last good configuration stays.
import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { Event_EventType } from "#proto/gen/mvcc.ts";

type Settings = ReadonlyMap<string, string>;

/** Changes several settings at once: no reader sees some of them without the others. */
export async function change(
  client: EtcdClient,
  prefix: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const success = Object.entries(settings).map(([name, text]) => {
    const value = PutRequest.fromPartial({ key: utf8(prefix + name), value: utf8(text) });
    return { request: { $case: "requestPut" as const, value } };
  });
  await client.kv.txn({ success });
}

/**
 * The configuration now and after every change that `parse` accepts; what it throws goes to
 * `onRefused`. Until there is a good one, nothing comes.
 */
export async function* configurations<Config>(
  client: EtcdClient,
  prefix: string,
  parse: (settings: Settings) => Config,
  onRefused: (error: unknown) => void,
): AsyncGenerator<Config> {
  const rangeEnd = prefixEnd(utf8(prefix));
  const nameOf = (key: Uint8Array): string => Buffer.from(key).toString().slice(prefix.length);
  const { header, kvs } = await client.kv.range(prefix, { rangeEnd });
  const settings = new Map<string, string>();
  for (const { key, value } of kvs) settings.set(nameOf(key), Buffer.from(value).toString());
  const parsed = (): readonly Config[] => {
    try {
      return [parse(new Map(settings))];
    } catch (error) {
      onRefused(error);
      return [];
    }
  };
  yield* parsed();
  const startRevision = (header?.revision ?? 0) + 1;
  for await (const { events } of client.watch.watch(prefix, { rangeEnd, startRevision })) {
    // Events of one revision come in one answer.
    for (const { kv, type } of events) {
      if (kv === undefined) continue;
      if (type === Event_EventType.DELETE) settings.delete(nameOf(kv.key));
      else settings.set(nameOf(kv.key), Buffer.from(kv.value).toString());
    }
    if (events.length > 0) yield* parsed();
  }
}
