// `--auto-disarm`: the leader takes NOSPACE alarms back by itself once there is room again, so that a
// cluster that was compacted serves writes without somebody who comes to say so. There is room when
// the state has stayed below nine tenths of the quota for half a minute: what fills it up again at once
// must not make the alarm come and go. Only the leader's own state is looked at; all our members count
// alike (server/backend/size-ledger.ts). A member of etcd that was not defragmented raises its alarm
// again with the next write, and half a minute later it is taken back again.
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";

const lookMs = 5000;
const roomyForMs = 30_000;
/** Of the quota. */
const roomyShare = 0.9;

export interface AutoDisarmPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Without a quota of its own a leader cannot tell whether there is room. */
  readonly quotaBytes: number;
  isLeader(): boolean;
  sizeBytes(): number;
  /** The members that have raised NOSPACE. */
  raised(): readonly MemberId[];
  /** Proposes that the member's alarm is taken back. */
  disarm(id: MemberId): Promise<unknown>;
}

export class AutoDisarm {
  private readonly ports: AutoDisarmPorts;
  private timer: Timer | undefined;
  /** Since when there has been room at each look. */
  private roomySinceMs: number | undefined;
  private disarming = false;

  constructor(ports: AutoDisarmPorts) {
    this.ports = ports;
  }

  start(): void {
    if (!Number.isFinite(this.ports.quotaBytes)) return;
    this.timer = this.ports.clock.every(lookMs, () => void this.look());
  }

  stop(): void {
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    const { clock, log, quotaBytes } = this.ports;
    const raised = this.ports.isLeader() ? this.ports.raised() : [];
    const sizeBytes = raised.length === 0 ? 0 : this.ports.sizeBytes();
    if (raised.length === 0 || sizeBytes > quotaBytes * roomyShare) {
      this.roomySinceMs = undefined;
      return;
    }
    const nowMs = clock.monotonicMs();
    this.roomySinceMs ??= nowMs;
    if (nowMs - this.roomySinceMs < roomyForMs || this.disarming) return;
    this.disarming = true;
    this.roomySinceMs = undefined;
    try {
      for (const id of raised) {
        await this.ports.disarm(id);
        const fields = {
          "member-id": formatId(id),
          "size-bytes": sizeBytes,
          "quota-bytes": quotaBytes,
        };
        log.warn(fields, "disarmed the NOSPACE alarm: there is space again");
      }
    } catch (error) {
      log.warn({ error: errorText(error) }, "failed to disarm the NOSPACE alarm; tried again");
    } finally {
      this.disarming = false;
    }
  }
}
