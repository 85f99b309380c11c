// What the cases of the contract share: the cluster they run against, short ways to write keys, and
// the comparison of errors.
import assert from "node:assert/strict";
import type { ServiceError } from "@grpc/grpc-js";
import type { Event, KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchCreateRequest, WatchResponse } from "#proto/gen/watch.ts";
import type { ContractCluster } from "./cluster.ts";
import type { MessageStream, Wire } from "./wire.ts";

/** The cluster under test and connections to it; filled before the first case runs. */
export interface Setting {
  readonly cluster: ContractCluster;
  /** The member that most cases talk to. */
  readonly wire: Wire;
  /** A connection to every member, in the cluster's order. */
  readonly wires: readonly Wire[];
  /** Position of the leader and of a follower among `wires`. */
  readonly leader: number;
  readonly follower: number;
}

/** Cases read the setting when they run, not when they are declared. */
export type SettingOf = () => Setting;

let prefixes = 0;

/** A prefix that no other case uses. */
export function freshPrefix(): string {
  prefixes++;
  return `case-${String(prefixes).padStart(4, "0")}/`;
}

/** Text as bytes. */
export function b(text: string): Buffer {
  return Buffer.from(text);
}

/** The end of the interval of all keys that begin with `prefix`. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}

/** The interval of all keys that begin with `prefix`. */
export function interval(prefix: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
  return { key: b(prefix), rangeEnd: prefixEnd(prefix) };
}

/** Bytes as text. */
export function s(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

/** Keys of pairs, without `prefix`. */
export function names(kvs: readonly KeyValue[], prefix: string): string {
  return kvs.map((kv) => s(kv.key).slice(prefix.length)).join(" ");
}

/** A pair with text in place of bytes, to compare whole. */
export function plain(kv: KeyValue | undefined): unknown {
  if (kv === undefined) return undefined;
  return {
    key: s(kv.key),
    value: s(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

/** One line for an event: `PUT a=1 @5` with the revision counted from `base`. */
export function line(event: Event, prefix: string, base: number): string {
  const { kv } = event;
  assert.ok(kv !== undefined, "an event has a pair");
  const key = s(kv.key).slice(prefix.length);
  const at = kv.modRevision - base;
  return event.type === 0 ? `PUT ${key}=${s(kv.value)} @${at}` : `DELETE ${key} @${at}`;
}

/** The revision of any answer. */
export function revisionOf(answer: {
  readonly header: { readonly revision: number } | undefined;
}): number {
  assert.ok(answer.header !== undefined, "the answer has no header");
  return answer.header.revision;
}

/** Expects a gRPC error with exactly this code and this message. */
export async function refuses(
  call: Promise<unknown>,
  code: number,
  message: string | RegExp,
): Promise<void> {
  await assert.rejects(call, (error: ServiceError) => {
    if (typeof message === "string") {
      assert.deepEqual({ code: error.code, message: error.details }, { code, message });
    } else {
      assert.equal(error.code, code, error.details);
      assert.match(error.details, message);
    }
    return true;
  });
}

/** Expects that the call's deadline ends it, whether client or server saw that first. */
export async function endsInTime(call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: ServiceError) => {
    assert.ok(error.code === 4 || error.code === 1, `${error.code} ${error.details}`);
    return true;
  });
}

/** A watch stream of one case. */
export type Watches = MessageStream<
  Parameters<ReturnType<Wire["watch"]>["send"]>[0],
  WatchResponse
>;

/** Asks for a watch and returns the `created` answer. */
export async function createWatch(
  stream: Watches,
  request: Partial<WatchCreateRequest>,
): Promise<WatchResponse> {
  stream.send({ requestUnion: { $case: "createRequest", value: request } });
  const created = await stream.next();
  assert.equal(created.created, true, "the first answer says created");
  assert.equal(created.events.length, 0, "the created answer holds no events");
  return created;
}

/** Opens a stream with one watch on it. */
export async function openWatch(
  wire: Wire,
  request: Partial<WatchCreateRequest>,
): Promise<{ stream: Watches; created: WatchResponse }> {
  const stream = wire.watch();
  return { stream, created: await createWatch(stream, request) };
}

/** Reads answers until `count` events came; each as `line` writes it. */
export async function readEvents(
  stream: Watches,
  count: number,
  prefix: string,
  base: number,
): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const answer = await stream.next();
    assert.equal(answer.canceled, false, `cancelled: ${answer.cancelReason}`);
    for (const event of answer.events) lines.push(line(event, prefix, base));
  }
  return lines;
}
