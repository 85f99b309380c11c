// A client that watches one interval: it drains its stream at its own pace, resumes on another member
// where it was when its member goes away, and keeps what it was told.
import { WatchCreateRequest, type WatchResponse } from "#proto/gen/watch.ts";
import { Violation } from "../violation.ts";
import type { ChangeSeen } from "./ledger.ts";
import type { SimMember } from "./sim-member.ts";

/** What one stretch of watching, without a compaction in between, has brought. */
interface Stretch {
  readonly from: number;
  readonly seen: { readonly revision: number; readonly change: ChangeSeen }[];
}

export interface WatchPorts {
  /** Milliseconds until the client reads after it was told that there is something; 0: at once. */
  pace(): number;
  /** All changes of one revision that the interval covers. */
  revision?(revision: number, changes: readonly ChangeSeen[]): void;
  compacted?(): void;
}

export class WatchTask {
  readonly stretches: Stretch[] = [];
  /** The next revision that may come; 0: whatever comes after the creation. */
  next: number;
  member: SimMember | undefined;
  private readonly from: string;
  private readonly to: string;
  private readonly ports: WatchPorts;
  private life: object | undefined;

  /** Of keys in [from, to). */
  constructor(
    interval: { readonly from: string; readonly to: string },
    next: number,
    ports: WatchPorts,
  ) {
    this.from = interval.from;
    this.to = interval.to;
    this.next = next;
    this.ports = ports;
    if (next > 0) this.stretches.push({ from: next, seen: [] });
  }

  get isBroken(): boolean {
    return this.member === undefined || this.member.life !== this.life || !this.member.isUp;
  }

  /** Begins or resumes on this member. */
  open(member: SimMember): void {
    const { running, life } = member;
    if (running === undefined) return;
    this.member = member;
    this.life = life;
    let waiting = false;
    const session = running.api.openWatch(() => {
      const paceMs = this.ports.pace();
      if (paceMs === 0) pump();
      else if (!waiting) {
        waiting = true;
        life.after(paceMs, () => {
          waiting = false;
          pump();
        });
      }
    });
    const pump = (): void => {
      if (this.life !== life) return;
      for (let one = session.next(); one !== undefined; one = session.next())
        this.take(one, member);
    };
    session.request({
      requestUnion: {
        $case: "createRequest",
        value: WatchCreateRequest.fromPartial({
          key: Buffer.from(this.from),
          rangeEnd: Buffer.from(this.to),
          startRevision: this.next,
        }),
      },
    });
    pump();
  }

  private take(response: WatchResponse, member: SimMember): void {
    if (response.canceled) {
      if (response.compactRevision === 0) {
        throw new Violation("watch", `cancelled by member ${member.id}: ${response.cancelReason}`);
      }
      this.ports.compacted?.();
      this.next = response.compactRevision;
      this.stretches.push({ from: this.next, seen: [] });
      this.life = undefined;
      return;
    }
    if (response.created) {
      if (this.next > 0) return;
      this.next = response.header!.revision + 1;
      this.stretches.push({ from: this.next, seen: [] });
      return;
    }
    const { seen } = this.stretches.at(-1)!;
    let batch: ChangeSeen[] = [];
    const { events } = response;
    for (const [i, { kv, type }] of events.entries()) {
      const revision = kv!.modRevision;
      if (revision < this.next) {
        throw new Violation(
          "watch",
          `member ${member.id} delivered revision ${revision} when ${this.next} was due`,
        );
      }
      const value = type === 0 ? Buffer.from(kv!.value).toString() : undefined;
      const change = { key: Buffer.from(kv!.key).toString(), value };
      seen.push({ revision, change });
      batch.push(change);
      if (events[i + 1]?.kv?.modRevision === revision) continue;
      this.ports.revision?.(revision, batch);
      batch = [];
      this.next = revision + 1;
    }
  }

  /** Compares what was seen with the history up to `last`; the last stretch must reach so far. */
  check(history: ReadonlyMap<number, readonly ChangeSeen[]>, last: number): void {
    for (const [i, { from, seen }] of this.stretches.entries()) {
      const upTo = i === this.stretches.length - 1 ? last : (seen.at(-1)?.revision ?? 0);
      let at = 0;
      for (let revision = from; revision <= upTo; revision++) {
        for (const { key, value } of history.get(revision) ?? []) {
          if (key < this.from || key >= this.to) continue;
          const event = seen[at++];
          const same =
            event?.revision === revision &&
            event.change.key === key &&
            event.change.value === value;
          if (same) continue;
          throw new Violation(
            "watch",
            `[${this.from}, ${this.to}) from ${from}: ${event === undefined ? "nothing" : `${event.change.key} at ${event.revision}`} came in the place of ${key}=${value} at ${revision}`,
          );
        }
      }
      if (at < seen.length) {
        throw new Violation("watch", `[${this.from}, ${this.to}): an event came twice`);
      }
    }
  }
}
