// The replicated command: what the data of a log entry holds. Encoded and decoded by hand, field by
// field, since the generated InternalRaftRequest has some thirty optional fields of which each
// command uses one (facts: apply rules §1).
import { assert } from "#base/assert.ts";
import {
  AuthDisableRequest,
  AuthEnableRequest,
  AuthRoleAddRequest,
  AuthRoleDeleteRequest,
  AuthRoleGetRequest,
  AuthRoleGrantPermissionRequest,
  AuthRoleListRequest,
  AuthRoleRevokePermissionRequest,
  AuthStatusRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserDeleteRequest,
  AuthUserGetRequest,
  AuthUserGrantRoleRequest,
  AuthUserListRequest,
  AuthUserRevokeRoleRequest,
} from "#proto/gen/auth.ts";
import { CapabilityLatch, V2Request } from "#proto/gen/extension.ts";
import { DowngradeVersionTestRequest, InternalAuthenticateRequest } from "#proto/gen/internal.ts";
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { LeaseCheckpointRequest, LeaseGrantRequest, LeaseRevokeRequest } from "#proto/gen/lease.ts";
import { AlarmRequest } from "#proto/gen/maintenance.ts";
import {
  ClusterMemberAttrSetRequest,
  ClusterVersionSetRequest,
  DowngradeInfoSetRequest,
} from "#proto/gen/membership.ts";
import { BinaryReader, BinaryWriter, varint64Bytes, varintBytes, WireError } from "#proto/wire.ts";
import { decodeV2Request, isV2Method, meaningOf } from "#server/apply/v2-request.ts";

interface Codec<T> {
  encode(message: T, writer: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader, length: number): T;
}

/** kind → [field number in InternalRaftRequest, codec of the payload]. */
const payloads = {
  range: [3, RangeRequest],
  put: [4, PutRequest],
  deleteRange: [5, DeleteRangeRequest],
  txn: [6, TxnRequest],
  compaction: [7, CompactionRequest],
  leaseGrant: [8, LeaseGrantRequest],
  leaseRevoke: [9, LeaseRevokeRequest],
  alarm: [10, AlarmRequest],
  leaseCheckpoint: [11, LeaseCheckpointRequest],
  authEnable: [1000, AuthEnableRequest],
  authDisable: [1011, AuthDisableRequest],
  authenticate: [1012, InternalAuthenticateRequest],
  authStatus: [1013, AuthStatusRequest],
  authUserAdd: [1100, AuthUserAddRequest],
  authUserDelete: [1101, AuthUserDeleteRequest],
  authUserGet: [1102, AuthUserGetRequest],
  authUserChangePassword: [1103, AuthUserChangePasswordRequest],
  authUserGrantRole: [1104, AuthUserGrantRoleRequest],
  authUserRevokeRole: [1105, AuthUserRevokeRoleRequest],
  authUserList: [1106, AuthUserListRequest],
  authRoleList: [1107, AuthRoleListRequest],
  authRoleAdd: [1200, AuthRoleAddRequest],
  authRoleDelete: [1201, AuthRoleDeleteRequest],
  authRoleGet: [1202, AuthRoleGetRequest],
  authRoleGrantPermission: [1203, AuthRoleGrantPermissionRequest],
  authRoleRevokePermission: [1204, AuthRoleRevokePermissionRequest],
  clusterVersionSet: [1300, ClusterVersionSetRequest],
  clusterMemberAttrSet: [1301, ClusterMemberAttrSetRequest],
  downgradeInfoSet: [1302, DowngradeInfoSetRequest],
  downgradeVersionTest: [9900, DowngradeVersionTestRequest],
  // Ours, where etcd has nothing: see server/membership/capabilities.ts.
  capabilityLatch: [20_000, CapabilityLatch],
  v2: [20_001, V2Request],
} as const;

const headerField = 100;
const v2Field = 2;
const lengthDelimited = 2;

export type CommandKind = keyof typeof payloads;

type PayloadOf<K extends CommandKind> = (typeof payloads)[K][1] extends Codec<infer T> ? T : never;

/** What each kind of command carries. */
export type CommandPayloads = { readonly [K in CommandKind]: PayloadOf<K> };

/** Who asked: the request's ID, and the user and auth revision it was checked with. */
export interface CommandHeader {
  readonly id: bigint;
  readonly username: string;
  readonly authRevision: number;
}

export type Command = {
  readonly [K in CommandKind]: {
    readonly header: CommandHeader;
    readonly kind: K;
    readonly payload: CommandPayloads[K];
  };
}[CommandKind];

const kindByField = new Map<number, CommandKind>(
  (Object.keys(payloads) as CommandKind[]).map((kind) => [payloads[kind][0], kind]),
);

/** What a put's message takes, as PutRequest.encode writes it. */
function putBytes({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutRequest): number {
  let bytes = 0;
  if (key.length > 0) bytes += 1 + varintBytes(key.length) + key.length;
  if (value.length > 0) bytes += 1 + varintBytes(value.length) + value.length;
  if (lease !== 0n) bytes += 1 + varint64Bytes(lease);
  if (prevKv) bytes += 2;
  if (ignoreValue) bytes += 2;
  return ignoreLease ? bytes + 2 : bytes;
}

/** A put in a buffer of exactly its size, which the log keeps; without user names, which are rare. */
function encodePut(payload: PutRequest, id: bigint): Uint8Array {
  const body = putBytes(payload);
  const header = 1 + varint64Bytes(id);
  const bytes = 1 + varintBytes(body) + body + 2 + varintBytes(header) + header;
  const writer = new BinaryWriter(bytes);
  writer.uint32((payloads.put[0] << 3) | lengthDelimited).uint32(body);
  PutRequest.encode(payload, writer);
  writer.uint32((headerField << 3) | lengthDelimited).uint32(header);
  const data = writer.uint32(8).uint64(id).finish();
  assert(data.length === bytes, "a put's bytes were counted wrong");
  return data;
}

/** The entry data of one command. `username` and `authRevision` are left out when auth is off. */
export function encodeCommand<K extends CommandKind>(
  kind: K,
  payload: CommandPayloads[K],
  header: CommandHeader,
): Uint8Array {
  const [field, codec] = payloads[kind];
  if (kind === "put" && header.username === "" && header.authRevision === 0)
    return encodePut(payload as PutRequest, header.id);
  const writer = new BinaryWriter();
  // What members that do not know latches read instead, and what changes nothing: a list of alarms.
  if (kind === "capabilityLatch")
    writer.uint32((payloads.alarm[0] << 3) | lengthDelimited).uint32(0);
  writer.uint32((field << 3) | lengthDelimited).fork();
  (codec as unknown as Codec<CommandPayloads[K]>).encode(payload, writer);
  writer.join();
  writer.uint32((headerField << 3) | lengthDelimited).fork();
  writer.uint32(8).uint64(header.id);
  if (header.username !== "") writer.uint32(18).string(header.username);
  if (header.authRevision !== 0) writer.uint32(24).uint64(header.authRevision);
  return writer.join().finish();
}

/**
 * Reads entry data. Undefined for a command without a payload this version knows: such an entry
 * comes from a newer member and must not be skipped silently, so the caller stops. Throws WireError
 * on malformed bytes, V2_REQUEST for v2 data. Payload bytes alias `data`.
 */
export function decodeCommand(data: Uint8Array): Command | undefined {
  const reader = new BinaryReader(data);
  let header: CommandHeader = { id: 0n, username: "", authRevision: 0 };
  let legacyId = 0n;
  let kind: CommandKind | undefined;
  let payload: unknown;
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field === 1 && (tag & 7) === 0) {
      legacyId = reader.uint64();
      continue;
    }
    if (field === v2Field && (tag & 7) === lengthDelimited) {
      const bytes = reader.bytes();
      return decodeV2Command(isV2Method(bytes) ? data : bytes);
    }
    const found = kindByField.get(field);
    if (field !== headerField && found === undefined) {
      reader.skip(tag);
      continue;
    }
    if ((tag & 7) !== lengthDelimited)
      throw new WireError(`field ${field} of a command is no message`);
    const length = reader.size();
    if (field === headerField) {
      header = decodeHeader(reader, length);
    } else {
      assert(found !== undefined, "a known field has a kind");
      kind = found;
      payload = (payloads[found][1] as Codec<unknown>).decode(reader, length);
    }
  }
  if (kind === undefined) return undefined;
  if (header.id === 0n && legacyId !== 0n) header = { ...header, id: legacyId };
  return { header, kind, payload } as Command;
}

/** A RequestHeader of `length` bytes; by hand, for every command has one. */
function decodeHeader(reader: BinaryReader, length: number): CommandHeader {
  const depth = reader.enter();
  const end = reader.pos + length;
  let id = 0n;
  let username = "";
  let authRevision = 0;
  while (reader.pos < end) {
    const tag = reader.tag();
    if (tag === 8) id = reader.uint64();
    else if (tag === 18) username = reader.string();
    else if (tag === 24) authRevision = reader.uint64Number();
    else reader.skip(tag);
  }
  reader.endAt(end);
  reader.depth = depth;
  return { id, username, authRevision };
}

/** A command that members of etcd 3.4 and 3.5 write as a request of the v2 API. */
function decodeV2Command(data: Uint8Array): Command {
  const request = decodeV2Request(data);
  const header = { id: request.id, username: "", authRevision: 0 };
  return { header, ...meaningOf(request) } as Command;
}
