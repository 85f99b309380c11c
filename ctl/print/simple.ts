// The format for people and pipes: bare keys and values, one line each.

import { leaseText } from "#ctl/go-text.ts";
import { type AuthAnswer, simpleLines } from "#ctl/print/auth.ts";
import {
  type EndpointHashKv,
  type EndpointHealth,
  type EndpointStatus,
  memberCells,
  type Printer,
} from "#ctl/print/printer.ts";
import { hashCells, statusCells } from "#ctl/print/rows.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type {
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
import {
  type AlarmResponse,
  AlarmType,
  type DowngradeResponse,
  type MoveLeaderResponse,
} from "#proto/gen/maintenance.ts";
import { Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";

const newline = Buffer.from("\n");
const hexBytes = (bytes: Uint8Array): Buffer =>
  Buffer.from(Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""));
/** An ID padded with spaces to 16 characters. */
const wideId = (id: bigint): string => id.toString(16).padStart(16);
const clusterOf = (header: ResponseHeader | undefined): string => wideId(header?.clusterId ?? 0n);

export class SimplePrinter implements Printer {
  readonly format = "simple";
  private readonly terminal: Pick<Terminal, "out" | "err">;
  private readonly isHex: boolean;

  constructor(terminal: Pick<Terminal, "out" | "err">, isHex: boolean) {
    this.terminal = terminal;
    this.isHex = isHex;
  }

  private line(text: string): void {
    this.terminal.out(`${text}\n`);
  }

  /** Keys and values are bytes, and leave as they are. */
  private pairs(kvs: readonly KeyValue[], valueOnly = false): void {
    const parts: Uint8Array[] = [];
    for (const { key, value } of kvs) {
      if (!valueOnly) parts.push(this.isHex ? hexBytes(key) : key, newline);
      parts.push(this.isHex ? hexBytes(value) : value, newline);
    }
    this.terminal.out(Buffer.concat(parts));
  }

  get(response: RangeResponse, options?: { readonly valueOnly: boolean }): void {
    this.pairs(response.kvs, options?.valueOnly);
  }

  put(response: PutResponse): void {
    this.line("OK");
    if (response.prevKv !== undefined) this.pairs([response.prevKv]);
  }

  del(response: DeleteRangeResponse): void {
    this.line(String(response.deleted));
    this.pairs(response.prevKvs);
  }

  txn(response: TxnResponse): void {
    this.line(response.succeeded ? "SUCCESS" : "FAILURE");
    for (const { response: each } of response.responses) {
      this.line("");
      if (each?.$case === "responseDeleteRange") this.del(each.value);
      else if (each?.$case === "responsePut") this.put(each.value);
      else if (each?.$case === "responseRange") this.get(each.value);
      else this.line("unexpected response");
    }
  }

  watch(response: WatchResponse): void {
    for (const event of response.events) {
      this.line(event.type === Event_EventType.DELETE ? "DELETE" : "PUT");
      if (event.prevKv !== undefined) this.pairs([event.prevKv]);
      if (event.kv !== undefined) this.pairs([event.kv]);
    }
  }

  leaseGrant(response: LeaseGrantResponse): void {
    this.line(`lease ${leaseText(response.ID)} granted with TTL(${response.TTL}s)`);
  }

  leaseRevoke(_response: LeaseRevokeResponse, id: bigint): void {
    this.line(`lease ${leaseText(id)} revoked`);
  }

  leaseKeepAlive(response: LeaseKeepAliveResponse): void {
    this.line(`lease ${leaseText(response.ID)} keepalived with TTL(${response.TTL})`);
  }

  leaseTimeToLive(response: LeaseTimeToLiveResponse, options: { readonly keys: boolean }): void {
    const lease = `lease ${leaseText(response.ID)}`;
    if (response.grantedTTL === 0 && response.TTL === -1) {
      this.line(`${lease} already expired`);
      return;
    }
    this.terminal.out(
      `${lease} granted with TTL(${response.grantedTTL}s), remaining(${response.TTL}s)`,
    );
    if (options.keys) {
      const keys = response.keys.flatMap((key, i) => (i === 0 ? [key] : [Buffer.from(" "), key]));
      this.terminal.out(
        Buffer.concat([Buffer.from(", attached keys(["), ...keys, Buffer.from("])")]),
      );
    }
    this.line("");
  }

  leaseList(response: LeaseLeasesResponse): void {
    this.line(`found ${response.leases.length} leases`);
    for (const { ID } of response.leases) this.line(leaseText(ID));
  }

  memberAdd(response: MemberAddResponse): void {
    const as = response.member?.isLearner ? " as learner " : " ";
    const id = wideId(response.member?.ID ?? 0n);
    this.line(`Member ${id} added${as}to cluster ${clusterOf(response.header)}`);
  }

  memberRemove(response: MemberRemoveResponse, id: bigint): void {
    this.line(`Member ${wideId(id)} removed from cluster ${clusterOf(response.header)}`);
  }

  memberUpdate(response: MemberUpdateResponse, id: bigint): void {
    this.line(`Member ${wideId(id)} updated in cluster ${clusterOf(response.header)}`);
  }

  memberPromote(response: MemberPromoteResponse, id: bigint): void {
    this.line(`Member ${wideId(id)} promoted in cluster ${clusterOf(response.header)}`);
  }

  memberList(response: MemberListResponse): void {
    for (const member of response.members) this.line(memberCells(member).join(", "));
  }

  endpointHealth(rows: readonly EndpointHealth[]): void {
    for (const { endpoint, took, error } of rows) {
      if (error === "") {
        this.line(`${endpoint} is healthy: successfully committed proposal: took = ${took}`);
      } else {
        this.terminal.err(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
      }
    }
  }

  endpointStatus(rows: readonly EndpointStatus[]): void {
    for (const row of rows) this.line(statusCells(row).join(", "));
  }

  endpointHashKv(rows: readonly EndpointHashKv[]): void {
    for (const row of rows) this.line(hashCells(row).join(", "));
  }

  auth(answer: AuthAnswer): void {
    this.terminal.out(simpleLines(answer));
  }

  alarms(response: AlarmResponse): void {
    const names = Object.entries(AlarmType);
    for (const { memberID, alarm } of response.alarms) {
      const name = names.find(([, value]) => value === alarm)?.[0] ?? String(alarm);
      const parts = [
        ...(memberID === 0n ? [] : [`memberID:${memberID}`]),
        ...(alarm === AlarmType.NONE ? [] : [`alarm:${name}`]),
      ];
      this.line(parts.join(" "));
    }
  }

  downgradeValidate({ version }: DowngradeResponse): void {
    this.line(`Downgrade validate success, cluster version ${version}`);
  }

  downgradeEnable({ version }: DowngradeResponse): void {
    this.line(`Downgrade enable success, cluster version ${version}`);
  }

  downgradeCancel({ version }: DowngradeResponse): void {
    this.line(`Downgrade cancel success, cluster version ${version}`);
  }

  moveLeader(
    _response: MoveLeaderResponse,
    { from, to }: { readonly from: bigint; readonly to: bigint },
  ): void {
    this.line(`Leadership transferred from ${from.toString(16)} to ${to.toString(16)}`);
  }
}
