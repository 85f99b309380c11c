// Active alarms, one per member and type, kept in bucket `alarm` (facts: apply rules §6).
import { emptyBytes } from "#base/bytes.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { AlarmMember, AlarmType } from "#proto/gen/maintenance.ts";

export class Alarms {
  private readonly active: AlarmMember[] = [];

  /** Takes over the records of bucket `alarm`: the keys are the alarms. */
  load(keys: readonly Uint8Array[]): void {
    this.active.length = 0;
    for (const key of keys) this.active.push(AlarmMember.decode(key));
  }

  /** True if nothing is raised: the usual state, asked before every command. */
  get isEmpty(): boolean {
    return this.active.length === 0;
  }

  /** Active alarms of `type`, or all for NONE. */
  list(type: AlarmType): AlarmMember[] {
    return this.active.filter((one) => type === AlarmType.NONE || one.alarm === type);
  }

  /** True if any member has raised `type`. */
  has(type: AlarmType): boolean {
    return this.active.some((one) => one.alarm === type);
  }

  /** Raises; what is raised already is answered alike. NONE is never raised. */
  activate(memberID: bigint, alarm: AlarmType, batch: StateBatch): AlarmMember | undefined {
    if (alarm === AlarmType.NONE) return undefined;
    const wanted = { memberID, alarm };
    if (this.indexOf(wanted) < 0) {
      this.active.push(wanted);
      batch.put("alarm", AlarmMember.encode(wanted).finish(), emptyBytes);
    }
    return wanted;
  }

  /** Clears; undefined if it was not raised. */
  deactivate(memberID: bigint, alarm: AlarmType, batch: StateBatch): AlarmMember | undefined {
    const index = this.indexOf({ memberID, alarm });
    if (index < 0) return undefined;
    const [cleared] = this.active.splice(index, 1);
    batch.delete("alarm", AlarmMember.encode(cleared!).finish());
    return cleared;
  }

  private indexOf(wanted: AlarmMember): number {
    return this.active.findIndex(
      (one) => one.memberID === wanted.memberID && one.alarm === wanted.alarm,
    );
  }
}
