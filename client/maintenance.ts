// Maintenance: status, hashes, alarms, snapshots, defragmentation, leadership. Calls that concern one
// member go to the first endpoint: make a client of one endpoint for each member to be asked.
import { errorOfStatus } from "#client/errors.ts";
import type { CallOptions } from "#client/options.ts";
import { rpc, type Transport } from "#client/transport.ts";
import { grpcCode } from "#proto/errors.ts";
import {
  type AlarmRequest,
  AlarmRequest_AlarmAction,
  type AlarmResponse,
  AlarmType,
  type DefragmentResponse,
  DowngradeRequest_DowngradeAction as DowngradeAction,
  type DowngradeResponse,
  type HashKVResponse,
  type HashResponse,
  MaintenanceDefinition,
  type MoveLeaderResponse,
  type SnapshotResponse,
  type StatusResponse,
} from "#proto/gen/maintenance.ts";

const { methods } = MaintenanceDefinition;
const alarmReadRpc = rpc(MaintenanceDefinition, methods.alarm, { repeatable: true });
const alarmRpc = rpc(MaintenanceDefinition, methods.alarm, { repeatable: false });
const statusRpc = rpc(MaintenanceDefinition, methods.status, { repeatable: true });
const defragmentRpc = rpc(MaintenanceDefinition, methods.defragment, { repeatable: false });
const hashRpc = rpc(MaintenanceDefinition, methods.hash, { repeatable: true });
const hashKvRpc = rpc(MaintenanceDefinition, methods.hashKV, { repeatable: true });
const snapshotRpc = rpc(MaintenanceDefinition, methods.snapshot, { repeatable: true });
const validateRpc = rpc(MaintenanceDefinition, methods.downgrade, { repeatable: true });
const downgradeRpc = rpc(MaintenanceDefinition, methods.downgrade, { repeatable: false });
const moveLeaderRpc = rpc(MaintenanceDefinition, methods.moveLeader, { repeatable: false });

export class MaintenanceClient {
  private readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  status(options?: CallOptions): Promise<StatusResponse> {
    return this.transport.unary(statusRpc, {}, options);
  }

  /** The hash of all history up to `revision`, or up to now for 0. */
  hashKv(revision = 0, options?: CallOptions): Promise<HashKVResponse> {
    return this.transport.unary(hashKvRpc, { revision }, options);
  }

  /** The hash of the whole state. */
  hash(options?: CallOptions): Promise<HashResponse> {
    return this.transport.unary(hashRpc, {}, options);
  }

  alarms(options?: CallOptions): Promise<AlarmResponse> {
    const request: AlarmRequest = {
      action: AlarmRequest_AlarmAction.GET,
      memberID: 0n,
      alarm: AlarmType.NONE,
    };
    return this.transport.unary(alarmReadRpc, request, options);
  }

  /** Clears one alarm of one member. */
  disarm(
    alarm: { readonly memberId: bigint; readonly alarm: AlarmType },
    options?: CallOptions,
  ): Promise<AlarmResponse> {
    const request: AlarmRequest = {
      action: AlarmRequest_AlarmAction.DEACTIVATE,
      memberID: alarm.memberId,
      alarm: alarm.alarm,
    };
    return this.transport.unary(alarmRpc, request, options);
  }

  defragment(options?: CallOptions): Promise<DefragmentResponse> {
    return this.transport.unary(defragmentRpc, {}, options);
  }

  /** Hands leadership to another member; answered by the leader only. */
  moveLeader(target: bigint, options?: CallOptions): Promise<MoveLeaderResponse> {
    return this.transport.unary(moveLeaderRpc, { targetID: target }, options);
  }

  /** Whether the cluster can be downgraded to that version; rejects with the reason if not. */
  downgradeValidate(version: string, options?: CallOptions): Promise<DowngradeResponse> {
    const request = { action: DowngradeAction.VALIDATE, version };
    return this.transport.unary(validateRpc, request, options);
  }

  downgradeEnable(version: string, options?: CallOptions): Promise<DowngradeResponse> {
    const request = { action: DowngradeAction.ENABLE, version };
    return this.transport.unary(downgradeRpc, request, options);
  }

  /** Ends a downgrade; without one under way nothing happens. */
  downgradeCancel(options?: CallOptions): Promise<DowngradeResponse> {
    const request = { action: DowngradeAction.CANCEL, version: "" };
    return this.transport.unary(downgradeRpc, request, options);
  }

  /** The state file in pieces, the last 32 bytes being its SHA-256; fails with EtcdError. */
  async *snapshot(options: CallOptions = {}): AsyncGenerator<SnapshotResponse> {
    const stream = await this.transport.serverStream(snapshotRpc, {}, options);
    try {
      for await (const chunk of stream) yield chunk as SnapshotResponse;
    } catch (thrown) {
      const { code = grpcCode.unknown, details = String(thrown) } = thrown as {
        code?: number;
        details?: string;
      };
      throw errorOfStatus(code, details);
    } finally {
      stream.cancel();
    }
  }
}
