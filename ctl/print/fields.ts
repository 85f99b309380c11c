// The format `"Name" : value`, one field a line. Strings are quoted as Go does, numbers are decimal
// (IDs hexadecimal with --hex).

import { goQuote, leaseText } from "#ctl/go-text.ts";
import { type AuthAnswer, fieldLines } from "#ctl/print/auth.ts";
import {
  type EndpointHashKv,
  type EndpointHealth,
  type EndpointStatus,
  UnsupportedPrinter,
} from "#ctl/print/printer.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type { MemberListResponse } from "#proto/gen/cluster.ts";
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
import { type AlarmResponse, AlarmType } from "#proto/gen/maintenance.ts";
import { Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";

export class FieldsPrinter extends UnsupportedPrinter {
  private readonly terminal: Pick<Terminal, "out">;
  private readonly isHex: boolean;

  constructor(terminal: Pick<Terminal, "out">, isHex: boolean) {
    super("fields");
    this.terminal = terminal;
    this.isHex = isHex;
  }

  private field(name: string, value: string | number | bigint | boolean): void {
    this.terminal.out(`"${name}" : ${value}\n`);
  }

  private blank(): void {
    this.terminal.out("\n");
  }

  private id(id: bigint): string {
    return this.isHex ? id.toString(16) : String(id);
  }

  private leaseId(id: bigint): string {
    return this.isHex ? leaseText(id) : String(id);
  }

  private header(header: ResponseHeader | undefined): void {
    this.field("ClusterID", this.id(header?.clusterId ?? 0n));
    this.field("MemberID", this.id(header?.memberId ?? 0n));
    if (header !== undefined && header.revision > 0) this.field("Revision", header.revision);
    this.field("RaftTerm", header?.raftTerm ?? 0);
  }

  private pair(prefix: string, kv: KeyValue): void {
    this.field(`${prefix}Key`, goQuote(kv.key));
    this.field(`${prefix}CreateRevision`, kv.createRevision);
    this.field(`${prefix}ModRevision`, kv.modRevision);
    this.field(`${prefix}Version`, kv.version);
    this.field(`${prefix}Value`, goQuote(kv.value));
    this.field(`${prefix}Lease`, this.leaseId(kv.lease));
  }

  override get(response: RangeResponse): void {
    this.header(response.header);
    for (const kv of response.kvs) this.pair("", kv);
    this.field("More", response.more);
    this.field("Count", response.count);
  }

  override put(response: PutResponse): void {
    this.header(response.header);
    if (response.prevKv !== undefined) this.pair("Prev", response.prevKv);
  }

  override del(response: DeleteRangeResponse): void {
    this.header(response.header);
    this.field("Deleted", response.deleted);
    for (const kv of response.prevKvs) this.pair("Prev", kv);
  }

  override txn(response: TxnResponse): void {
    this.header(response.header);
    this.field("Succeeded", response.succeeded);
    for (const { response: each } of response.responses) {
      if (each?.$case === "responseDeleteRange") this.del(each.value);
      else if (each?.$case === "responsePut") this.put(each.value);
      else if (each?.$case === "responseRange") this.get(each.value);
      else this.field("Unknown", '""');
    }
  }

  override watch(response: WatchResponse): void {
    this.header(response.header);
    for (const event of response.events) {
      this.field("Type", event.type === Event_EventType.DELETE ? "DELETE" : "PUT");
      if (event.prevKv !== undefined) this.pair("Prev", event.prevKv);
      if (event.kv !== undefined) this.pair("", event.kv);
    }
  }

  override leaseGrant(response: LeaseGrantResponse): void {
    this.header(response.header);
    this.field("ID", this.leaseId(response.ID));
    this.field("TTL", response.TTL);
  }

  override leaseRevoke(response: LeaseRevokeResponse): void {
    this.header(response.header);
  }

  override leaseKeepAlive(response: LeaseKeepAliveResponse): void {
    this.header(response.header);
    this.field("ID", this.leaseId(response.ID));
    this.field("TTL", response.TTL);
  }

  override leaseTimeToLive(response: LeaseTimeToLiveResponse): void {
    this.header(response.header);
    this.field("ID", this.leaseId(response.ID));
    this.field("TTL", response.TTL);
    this.field("GrantedTTL", response.grantedTTL);
    for (const key of response.keys) this.field("Key", goQuote(key));
  }

  override leaseList(response: LeaseLeasesResponse): void {
    this.header(response.header);
    for (const { ID } of response.leases) this.field("ID", this.leaseId(ID));
  }

  override memberList(response: MemberListResponse): void {
    this.header(response.header);
    for (const member of response.members) {
      this.field("ID", this.id(member.ID));
      this.field("Name", goQuote(member.name));
      for (const url of member.peerURLs) this.field("PeerURL", goQuote(url));
      for (const url of member.clientURLs) this.field("ClientURL", goQuote(url));
      this.field("IsLearner", member.isLearner);
      this.blank();
    }
  }

  override endpointHealth(rows: readonly EndpointHealth[]): void {
    for (const row of rows) {
      this.field("Endpoint", goQuote(row.endpoint));
      this.field("Health", row.health);
      this.field("Took", row.took);
      this.field("Error", row.error);
      this.blank();
    }
  }

  override endpointStatus(rows: readonly EndpointStatus[]): void {
    for (const { endpoint, status } of rows) {
      this.header(status.header);
      this.field("Version", goQuote(status.version));
      this.field("StorageVersion", goQuote(status.storageVersion));
      this.field("DBSize", status.dbSize);
      this.field("DBSizeInUse", status.dbSizeInUse);
      this.field("DBSizeQuota", status.dbSizeQuota);
      this.field("Leader", status.leader);
      this.field("IsLearner", status.isLearner);
      this.field("RaftIndex", status.raftIndex);
      this.field("RaftAppliedIndex", status.raftAppliedIndex);
      this.field("Errors", `[${status.errors.join(" ")}]`);
      this.field("Endpoint", goQuote(endpoint));
      this.field("DowngradeTargetVersion", goQuote(status.downgradeInfo?.targetVersion ?? ""));
      this.field("DowngradeEnabled", status.downgradeInfo?.enabled ?? false);
      this.blank();
    }
  }

  override endpointHashKv(rows: readonly EndpointHashKv[]): void {
    for (const { endpoint, hash } of rows) {
      this.header(hash.header);
      this.field("Endpoint", goQuote(endpoint));
      this.field("Hash", hash.hash);
      this.field("HashRevision", hash.hashRevision);
      this.blank();
    }
  }

  override auth(answer: AuthAnswer): void {
    const lines = fieldLines(answer);
    if (lines === undefined) this.refuse();
    this.header(answer.response.header);
    for (const line of lines) this.terminal.out(`${line}\n`);
  }

  override alarms(response: AlarmResponse): void {
    this.header(response.header);
    const names = Object.entries(AlarmType);
    for (const { memberID, alarm } of response.alarms) {
      this.field("MemberID", this.id(memberID));
      this.field("AlarmType", names.find(([, value]) => value === alarm)?.[0] ?? alarm);
      this.blank();
    }
  }
}
