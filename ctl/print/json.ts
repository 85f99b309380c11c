// The JSON format: field names, order and omissions of the reference, bytes in base64, and numbers of
// 64 bits written in full (an ID must survive a reader that knows big numbers).
import { type AuthAnswer, jsonFields } from "#ctl/print/auth.ts";
import {
  type EndpointHashKv,
  type EndpointHealth,
  type EndpointStatus,
  UnsupportedPrinter,
} from "#ctl/print/printer.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type {
  Member,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
} from "#proto/gen/cluster.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  TxnResponse,
} from "#proto/gen/kv.ts";
import type {
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import type { AlarmResponse, DowngradeResponse, StatusResponse } from "#proto/gen/maintenance.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";

type Json = string | number | bigint | boolean | null | undefined | Json[] | JsonFields;
interface JsonFields {
  readonly [name: string]: Json;
}

const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
const escaped: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** The text of a value; `<`, `>` and `&` are escaped as Go's encoder does. */
export function jsonText(value: Json): string {
  const text = JSON.stringify(value, (_name, each: Json) => {
    return typeof each === "bigint" ? rawJSON(String(each)) : each;
  });
  return text.replace(/[<>&\u2028\u2029]/g, (character) => escaped[character] ?? character);
}

/** Without the fields that have their default; messages stay, even empty ones. */
function sparse(fields: JsonFields): JsonFields {
  const kept = Object.entries(fields).filter(([, value]) => {
    if (Array.isArray(value)) return value.length > 0;
    return value !== undefined && value !== 0 && value !== 0n && value !== "" && value !== false;
  });
  return Object.fromEntries(kept);
}

function headerFields(header: ResponseHeader | undefined): JsonFields | undefined {
  if (header === undefined) return undefined;
  return sparse({
    cluster_id: header.clusterId,
    member_id: header.memberId,
    revision: header.revision,
    raft_term: header.raftTerm,
  });
}

function pairFields(kv: KeyValue | undefined): JsonFields | undefined {
  if (kv === undefined) return undefined;
  return sparse({
    key: base64(kv.key),
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: base64(kv.value),
    lease: kv.lease,
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function rangeFields(response: RangeResponse): JsonFields {
  return sparse({
    header: headerFields(response.header),
    kvs: response.kvs.map((kv) => pairFields(kv)),
    more: response.more,
    count: response.count,
  });
}

function putFields(response: PutResponse): JsonFields {
  return sparse({ header: headerFields(response.header), prev_kv: pairFields(response.prevKv) });
}

function deleteFields(response: DeleteRangeResponse): JsonFields {
  return sparse({
    header: headerFields(response.header),
    deleted: response.deleted,
    prev_kvs: response.prevKvs.map((kv) => pairFields(kv)),
  });
}

function txnFields(response: TxnResponse): JsonFields {
  const responses = response.responses.map(({ response: each }): JsonFields => {
    if (each?.$case === "responseRange") {
      return { Response: { response_range: rangeFields(each.value) } };
    }
    if (each?.$case === "responsePut") {
      return { Response: { response_put: putFields(each.value) } };
    }
    if (each?.$case === "responseDeleteRange") {
      return { Response: { response_delete_range: deleteFields(each.value) } };
    }
    if (each?.$case === "responseTxn") {
      return { Response: { response_txn: txnFields(each.value) } };
    }
    return { Response: {} };
  });
  return sparse({
    header: headerFields(response.header),
    succeeded: response.succeeded,
    responses,
  });
}

function memberFields(member: Member): JsonFields {
  return sparse({
    ID: member.ID,
    name: member.name,
    peerURLs: member.peerURLs,
    clientURLs: member.clientURLs,
    isLearner: member.isLearner,
  });
}

function statusFields(status: StatusResponse): JsonFields {
  const downgrade = status.downgradeInfo;
  return sparse({
    header: headerFields(status.header),
    version: status.version,
    dbSize: status.dbSize,
    leader: status.leader,
    raftIndex: status.raftIndex,
    raftTerm: status.raftTerm,
    raftAppliedIndex: status.raftAppliedIndex,
    errors: status.errors,
    dbSizeInUse: status.dbSizeInUse,
    isLearner: status.isLearner,
    storageVersion: status.storageVersion,
    dbSizeQuota: status.dbSizeQuota,
    downgradeInfo:
      downgrade === undefined
        ? undefined
        : sparse({ enabled: downgrade.enabled, targetVersion: downgrade.targetVersion }),
  });
}

/** Answers about members, with --hex: IDs as hexadecimal strings, and no field left out. */
function hexHeader(header: ResponseHeader | undefined): JsonFields | null {
  if (header === undefined) return null;
  return {
    cluster_id: header.clusterId.toString(16),
    member_id: header.memberId.toString(16),
    ...sparse({ revision: header.revision, raft_term: header.raftTerm }),
  };
}

function hexMember(member: Member | undefined): JsonFields | null {
  if (member === undefined) return null;
  const { ID, ...rest } = memberFields(member);
  return { ID: member.ID.toString(16), ...rest };
}

interface AboutMembers {
  readonly header: ResponseHeader | undefined;
  readonly members: readonly Member[];
}

export class JsonPrinter extends UnsupportedPrinter {
  private readonly terminal: Pick<Terminal, "out">;
  private readonly isHex: boolean;

  constructor(terminal: Pick<Terminal, "out">, isHex: boolean) {
    super("json");
    this.terminal = terminal;
    this.isHex = isHex;
  }

  private print(value: Json): void {
    this.terminal.out(`${jsonText(value)}\n`);
  }

  override get(response: RangeResponse): void {
    this.print(rangeFields(response));
  }

  override put(response: PutResponse): void {
    this.print(putFields(response));
  }

  override del(response: DeleteRangeResponse): void {
    this.print(deleteFields(response));
  }

  override txn(response: TxnResponse): void {
    this.print(txnFields(response));
  }

  override watch(response: WatchResponse): void {
    const events = response.events.map((event) =>
      sparse({
        type: event.type,
        kv: pairFields(event.kv),
        prev_kv: pairFields(event.prevKv),
      }),
    );
    this.print({
      Header: headerFields(response.header) ?? {},
      Events: events.length === 0 ? null : events,
      CompactRevision: response.compactRevision,
      Canceled: response.canceled,
      Created: response.created,
      CancelReason: response.cancelReason,
    });
  }

  override leaseGrant(response: LeaseGrantResponse): void {
    this.print({
      ...headerFields(response.header),
      ID: response.ID,
      TTL: response.TTL,
      Error: response.error,
    });
  }

  override leaseRevoke(response: LeaseRevokeResponse): void {
    this.print(sparse({ header: headerFields(response.header) }));
  }

  override leaseKeepAlive(response: LeaseKeepAliveResponse): void {
    this.print({ ...headerFields(response.header), ID: response.ID, TTL: response.TTL });
  }

  override leaseTimeToLive(response: LeaseTimeToLiveResponse): void {
    this.print({
      ...headerFields(response.header),
      id: response.ID,
      ttl: response.TTL,
      "granted-ttl": response.grantedTTL,
      keys: response.keys.length === 0 ? null : response.keys.map(base64),
    });
  }

  override leaseList(response: LeaseLeasesResponse): void {
    this.print({
      ...headerFields(response.header),
      leases: response.leases.map(({ ID }) => ({ id: ID })),
    });
  }

  private aboutMembers(
    response: AboutMembers,
    more: { readonly member?: Member | undefined },
  ): void {
    const withMember = "member" in more;
    if (this.isHex) {
      this.print({
        header: hexHeader(response.header),
        ...(withMember ? { member: hexMember(more.member) } : {}),
        members: response.members.map(hexMember),
      });
      return;
    }
    this.print(
      sparse({
        header: headerFields(response.header),
        member: more.member === undefined ? undefined : memberFields(more.member),
        members: response.members.map(memberFields),
      }),
    );
  }

  override memberAdd(response: MemberAddResponse): void {
    this.aboutMembers(response, { member: response.member });
  }

  override auth(answer: AuthAnswer): void {
    const header = headerFields(answer.response.header);
    this.print(sparse({ header, ...(jsonFields(answer) as JsonFields) }));
  }

  override memberRemove(response: MemberRemoveResponse): void {
    this.aboutMembers(response, {});
  }

  override memberUpdate(response: MemberUpdateResponse): void {
    this.aboutMembers(response, {});
  }

  override memberPromote(response: MemberPromoteResponse): void {
    this.aboutMembers(response, {});
  }

  override memberList(response: MemberListResponse): void {
    this.aboutMembers(response, {});
  }

  override downgradeValidate(response: DowngradeResponse): void {
    this.downgrade(response);
  }

  override downgradeEnable(response: DowngradeResponse): void {
    this.downgrade(response);
  }

  override downgradeCancel(response: DowngradeResponse): void {
    this.downgrade(response);
  }

  private downgrade(response: DowngradeResponse): void {
    const { header, version } = response;
    this.print(sparse({ header: headerFields(header), version }));
  }

  private rows(rows: Json[]): void {
    this.print(rows.length === 0 ? null : rows);
  }

  override endpointHealth(rows: readonly EndpointHealth[]): void {
    this.rows(
      rows.map(({ endpoint, health, took, error }) => ({
        endpoint,
        health,
        took,
        ...sparse({ error }),
      })),
    );
  }

  override endpointStatus(rows: readonly EndpointStatus[]): void {
    this.rows(
      rows.map(({ endpoint, status }) => ({ Endpoint: endpoint, Status: statusFields(status) })),
    );
  }

  override endpointHashKv(rows: readonly EndpointHashKv[]): void {
    this.rows(
      rows.map(({ endpoint, hash }) => ({
        Endpoint: endpoint,
        HashKV: sparse({
          header: headerFields(hash.header),
          hash: hash.hash,
          compact_revision: hash.compactRevision,
          hash_revision: hash.hashRevision,
        }),
      })),
    );
  }

  override alarms(response: AlarmResponse): void {
    const alarms = response.alarms.map(({ memberID, alarm }) => sparse({ memberID, alarm }));
    this.print(sparse({ header: headerFields(response.header), alarms }));
  }
}
