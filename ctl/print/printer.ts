// What a command hands over to be shown, and in which formats. Each format is a module, loaded when chosen.

import { Exit, exitCode } from "#ctl/exit.ts";
import type { AuthAnswer } from "#ctl/print/auth.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type {
  Member,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
} from "#proto/gen/cluster.ts";
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
import type {
  AlarmResponse,
  DowngradeResponse,
  HashKVResponse,
  MoveLeaderResponse,
  StatusResponse,
} from "#proto/gen/maintenance.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";

export interface EndpointHealth {
  readonly endpoint: string;
  readonly health: boolean;
  readonly took: string;
  readonly error: string;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly status: StatusResponse;
}

export interface EndpointHashKv {
  readonly endpoint: string;
  readonly hash: HashKVResponse;
}

/** One method for each kind of answer. */
export interface Printer {
  readonly format: Format;
  get(response: RangeResponse, options?: { readonly valueOnly: boolean }): void;
  put(response: PutResponse): void;
  del(response: DeleteRangeResponse): void;
  txn(response: TxnResponse): void;
  watch(response: WatchResponse): void;
  leaseGrant(response: LeaseGrantResponse): void;
  leaseRevoke(response: LeaseRevokeResponse, id: bigint): void;
  leaseKeepAlive(response: LeaseKeepAliveResponse): void;
  leaseTimeToLive(response: LeaseTimeToLiveResponse, options: { readonly keys: boolean }): void;
  leaseList(response: LeaseLeasesResponse): void;
  memberAdd(response: MemberAddResponse): void;
  memberRemove(response: MemberRemoveResponse, id: bigint): void;
  memberUpdate(response: MemberUpdateResponse, id: bigint): void;
  memberPromote(response: MemberPromoteResponse, id: bigint): void;
  memberList(response: MemberListResponse): void;
  endpointHealth(rows: readonly EndpointHealth[]): void;
  endpointStatus(rows: readonly EndpointStatus[]): void;
  endpointHashKv(rows: readonly EndpointHashKv[]): void;
  alarms(response: AlarmResponse): void;
  auth(answer: AuthAnswer): void;
  downgradeValidate(response: DowngradeResponse): void;
  downgradeEnable(response: DowngradeResponse): void;
  downgradeCancel(response: DowngradeResponse): void;
  moveLeader(
    response: MoveLeaderResponse,
    ids: { readonly from: bigint; readonly to: bigint },
  ): void;
}

export const formats = ["simple", "fields", "json", "protobuf", "table"] as const;
export type Format = (typeof formats)[number];

/** The printer of a format; throws Exit for an unknown one. */
export async function makePrinter(
  format: string,
  terminal: Pick<Terminal, "out" | "err">,
  isHex: boolean,
): Promise<Printer> {
  switch (format) {
    case "simple":
      return new (await import("#ctl/print/simple.ts")).SimplePrinter(terminal, isHex);
    case "fields":
      return new (await import("#ctl/print/fields.ts")).FieldsPrinter(terminal, isHex);
    case "json":
      return new (await import("#ctl/print/json.ts")).JsonPrinter(terminal, isHex);
    case "protobuf":
      return new (await import("#ctl/print/protobuf.ts")).ProtobufPrinter(terminal);
    case "table":
      return new (await import("#ctl/print/table.ts")).TablePrinter(terminal);
    default:
      throw new Exit(exitCode.badFeature, "unsupported output format");
  }
}

/** Refuses everything; formats override what they can show. */
export class UnsupportedPrinter implements Printer {
  readonly format: Format;

  constructor(format: Format) {
    this.format = format;
  }

  protected refuse(): never {
    throw new Exit(exitCode.badFeature, `${this.format} not supported as output format`);
  }

  get(_response: RangeResponse, _options?: { readonly valueOnly: boolean }): void {
    this.refuse();
  }
  put(_response: PutResponse): void {
    this.refuse();
  }
  del(_response: DeleteRangeResponse): void {
    this.refuse();
  }
  txn(_response: TxnResponse): void {
    this.refuse();
  }
  watch(_response: WatchResponse): void {
    this.refuse();
  }
  leaseGrant(_response: LeaseGrantResponse): void {
    this.refuse();
  }
  leaseRevoke(_response: LeaseRevokeResponse, _id: bigint): void {
    this.refuse();
  }
  leaseKeepAlive(_response: LeaseKeepAliveResponse): void {
    this.refuse();
  }
  leaseTimeToLive(_response: LeaseTimeToLiveResponse, _options: { readonly keys: boolean }): void {
    this.refuse();
  }
  leaseList(_response: LeaseLeasesResponse): void {
    this.refuse();
  }
  memberAdd(_response: MemberAddResponse): void {
    this.refuse();
  }
  memberRemove(_response: MemberRemoveResponse, _id: bigint): void {
    this.refuse();
  }
  memberUpdate(_response: MemberUpdateResponse, _id: bigint): void {
    this.refuse();
  }
  memberPromote(_response: MemberPromoteResponse, _id: bigint): void {
    this.refuse();
  }
  memberList(_response: MemberListResponse): void {
    this.refuse();
  }
  endpointHealth(_rows: readonly EndpointHealth[]): void {
    this.refuse();
  }
  endpointStatus(_rows: readonly EndpointStatus[]): void {
    this.refuse();
  }
  endpointHashKv(_rows: readonly EndpointHashKv[]): void {
    this.refuse();
  }
  alarms(_response: AlarmResponse): void {
    this.refuse();
  }
  auth(_answer: AuthAnswer): void {
    this.refuse();
  }
  downgradeValidate(_response: DowngradeResponse): void {
    this.refuse();
  }
  downgradeEnable(_response: DowngradeResponse): void {
    this.refuse();
  }
  downgradeCancel(_response: DowngradeResponse): void {
    this.refuse();
  }
  moveLeader(
    _response: MoveLeaderResponse,
    _ids: { readonly from: bigint; readonly to: bigint },
  ): void {
    this.refuse();
  }
}

/** The cells of a member: ID, status, name, peer and client addresses, whether it is a learner. */
export function memberCells(member: Member): string[] {
  return [
    member.ID.toString(16),
    member.name === "" ? "unstarted" : "started",
    member.name,
    member.peerURLs.join(","),
    member.clientURLs.join(","),
    String(member.isLearner),
  ];
}
