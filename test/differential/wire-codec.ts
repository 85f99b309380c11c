// Requests to bytes and bytes to answers, by the name of an RPC, with the generated codecs.
import { AuthDefinition } from "#proto/gen/auth.ts";
import { ClusterDefinition } from "#proto/gen/cluster.ts";
import { ElectionDefinition } from "#proto/gen/election.ts";
import { HealthDefinition } from "#proto/gen/health.ts";
import { KVDefinition } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import { LockDefinition } from "#proto/gen/lock.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { WatchDefinition } from "#proto/gen/watch.ts";
import { assertDefined } from "./comparison.ts";
import type { Request } from "./step.ts";

export type Bytes = Uint8Array;

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
  fromPartial(object: unknown): unknown;
}

interface Method {
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

const definitions = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
  AuthDefinition,
  LockDefinition,
  ElectionDefinition,
  HealthDefinition,
];

const methods = new Map<string, Method>();
for (const { fullName, methods: all } of definitions) {
  for (const { name, requestType, responseType } of Object.values(all)) {
    methods.set(`${fullName.split(".").at(-1)}/${name}`, {
      path: `/${fullName}/${name}`,
      request: requestType as Codec,
      response: responseType as Codec,
    });
  }
}

function methodOf(rpc: string): Method {
  return assertDefined(methods.get(rpc), `there is no RPC ${rpc}`);
}

/** The path of an RPC such as `KV/Range`. */
export function pathOf(rpc: string): string {
  return methodOf(rpc).path;
}

/** The bytes of a request. */
export function encodeRequest(rpc: string, request: Request, trailing?: Bytes): Bytes {
  const { request: codec } = methodOf(rpc);
  const bytes = codec.encode(codec.fromPartial(request)).finish();
  return trailing === undefined ? bytes : Buffer.concat([bytes, trailing]);
}

/** True of bytes that can be read as a request. */
export function isRequest(rpc: string, bytes: Bytes): boolean {
  try {
    methodOf(rpc).request.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** An answer and whether its bytes are those that our codec writes for it. */
export interface Decoded {
  readonly message: Readonly<Record<string, unknown>>;
  readonly isCanonical: boolean;
}

/** Reads an answer; throws WireError for what is none. */
export function decodeResponse(rpc: string, bytes: Bytes): Decoded {
  const { response: codec } = methodOf(rpc);
  const message = codec.decode(bytes) as Readonly<Record<string, unknown>>;
  return { message, isCanonical: Buffer.from(codec.encode(message).finish()).equals(bytes) };
}
