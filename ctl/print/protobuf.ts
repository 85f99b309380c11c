// The protobuf format: the answer's own bytes, without anything around them. Answers about leases are
// their header only, and a revocation cannot be shown: both as in the reference.
import { Exit, exitCode } from "#ctl/exit.ts";
import { type AuthAnswer, protobufBytes } from "#ctl/print/auth.ts";
import { UnsupportedPrinter } from "#ctl/print/printer.ts";
import type { Terminal } from "#ctl/terminal.ts";
import {
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
} from "#proto/gen/cluster.ts";
import { ResponseHeader } from "#proto/gen/header.ts";
import { DeleteRangeResponse, PutResponse, RangeResponse, TxnResponse } from "#proto/gen/kv.ts";
import type {
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import { AlarmResponse, DowngradeResponse } from "#proto/gen/maintenance.ts";
import { WatchResponse } from "#proto/gen/watch.ts";

interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

export class ProtobufPrinter extends UnsupportedPrinter {
  private readonly terminal: Pick<Terminal, "out">;

  constructor(terminal: Pick<Terminal, "out">) {
    super("protobuf");
    this.terminal = terminal;
  }

  private write<T>(encoder: Encoder<T>, message: T): void {
    this.terminal.out(encoder.encode(message).finish());
  }

  private header(response: { readonly header: ResponseHeader | undefined }): void {
    if (response.header !== undefined) this.write(ResponseHeader, response.header);
  }

  override get(response: RangeResponse): void {
    this.write(RangeResponse, response);
  }
  override put(response: PutResponse): void {
    this.write(PutResponse, response);
  }
  override del(response: DeleteRangeResponse): void {
    this.write(DeleteRangeResponse, response);
  }
  override txn(response: TxnResponse): void {
    this.write(TxnResponse, response);
  }
  override watch(response: WatchResponse): void {
    this.write(WatchResponse, { ...response, watchId: 0, cancelReason: "", fragment: false });
  }
  override leaseGrant(response: LeaseGrantResponse): void {
    this.header(response);
  }
  override leaseRevoke(): void {
    throw new Exit(
      exitCode.badFeature,
      "marshal unsupported for type *clientv3.LeaseRevokeResponse",
    );
  }
  override leaseKeepAlive(response: LeaseKeepAliveResponse): void {
    this.header(response);
  }
  override leaseTimeToLive(response: LeaseTimeToLiveResponse): void {
    this.header(response);
  }
  override leaseList(response: LeaseLeasesResponse): void {
    this.header(response);
  }
  override memberAdd(response: MemberAddResponse): void {
    this.write(MemberAddResponse, response);
  }
  override memberRemove(response: MemberRemoveResponse): void {
    this.write(MemberRemoveResponse, response);
  }
  override memberUpdate(response: MemberUpdateResponse): void {
    this.write(MemberUpdateResponse, response);
  }
  override memberPromote(response: MemberPromoteResponse): void {
    this.write(MemberPromoteResponse, response);
  }
  override memberList(response: MemberListResponse): void {
    this.write(MemberListResponse, response);
  }
  override auth(answer: AuthAnswer): void {
    this.terminal.out(protobufBytes(answer));
  }
  override alarms(response: AlarmResponse): void {
    this.write(AlarmResponse, response);
  }
  override downgradeValidate(response: DowngradeResponse): void {
    this.write(DowngradeResponse, response);
  }

  override downgradeEnable(response: DowngradeResponse): void {
    this.write(DowngradeResponse, response);
  }

  override downgradeCancel(response: DowngradeResponse): void {
    this.write(DowngradeResponse, response);
  }
}
