// A client that watches one interval: it drains its stream at its own pace, resumes on another member
// where it was when its member goes away, and keeps what it was told.
import { WatchCreateRequest, type WatchResponse } from "#proto/gen/watch.ts";
import type { WatchSession } from "#server/api/member.ts";
import { Violation } from "../violation.ts";
import type { ChangeSeen } from "./ledger.ts";
import type { SimMember } from "./sim-member.ts";

/** What one stretch of watching, without a compaction in between, has brought. */
interface Stretch {
  readonly from: number;
  readonly seen: {
    readonly revision: number;
    readonly change: ChangeSeen;
    readonly previous: string | undefined;
  }[];
  /** The highest revision up to which a progress notification promised that all has come. */
  bookmark: number;
}

export interface WatchPorts {
  /** Milliseconds until the client reads after it was told that there is something; 0: at once. */
  pace(): number;
  /** All changes of one revision that the interval covers. */
  revision?(revision: number, changes: readonly ChangeSeen[]): void;
  compacted?(): void;
  count(what: string): void;
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
  private session: WatchSession | undefined;

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
    if (next > 0) this.stretches.push({ from: next, seen: [], bookmark: 0 });
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
    const session: WatchSession = running.api.openWatch(() => {
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
    this.session = session;
    const pump = (): void => {
      if (this.life !== life || this.session !== session) return;
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
          progressNotify: true,
          prevKv: true,
        }),
      },
    });
    pump();
  }

  /** Leaves its member, for another one. */
  close(): void {
    this.session?.close();
    this.session = undefined;
    this.life = undefined;
  }

  /** Asks for a notification of how far all has come. */
  askProgress(): void {
    if (this.isBroken) return;
    this.session?.request({ requestUnion: { $case: "progressRequest", value: {} } });
  }

  /** A notification promises that everything up to its revision has come. */
  private progressed(response: WatchResponse): void {
    const { revision } = response.header!;
    const stretch = this.stretches.at(-1);
    if (stretch === undefined || revision < this.next - 1) return;
    this.ports.count("progress notified");
    stretch.bookmark = Math.max(stretch.bookmark, revision);
    this.next = Math.max(this.next, revision + 1);
  }

  private take(response: WatchResponse, member: SimMember): void {
    if (response.canceled) {
      if (response.compactRevision === 0) {
        throw new Violation("watch", `cancelled by member ${member.id}: ${response.cancelReason}`);
      }
      this.ports.compacted?.();
      this.next = response.compactRevision;
      this.stretches.push({ from: this.next, seen: [], bookmark: 0 });
      this.life = undefined;
      return;
    }
    if (response.created) {
      if (this.next > 0) return;
      this.next = response.header!.revision + 1;
      this.stretches.push({ from: this.next, seen: [], bookmark: 0 });
      return;
    }
    if (response.events.length === 0) {
      this.progressed(response);
      return;
    }
    const { seen } = this.stretches.at(-1)!;
    let batch: ChangeSeen[] = [];
    const { events } = response;
    for (const [i, { kv, prevKv, type }] of events.entries()) {
      const revision = kv!.modRevision;
      if (revision < this.next) {
        throw new Violation(
          "watch",
          `member ${member.id} delivered revision ${revision} when ${this.next} was due`,
        );
      }
      const value = type === 0 ? Buffer.from(kv!.value).toString() : undefined;
      const change = { key: Buffer.from(kv!.key).toString(), value };
      const previous = prevKv && Buffer.from(prevKv.value).toString();
      seen.push({ revision, change, previous });
      batch.push(change);
      if (events[i + 1]?.kv?.modRevision === revision) continue;
      this.ports.revision?.(revision, batch);
      batch = [];
      this.next = revision + 1;
    }
  }

  /**
   * Compares what was seen with the history: every event of each stretch once, in order, with what the
   * key held before. The last stretch must reach up to `last`, if that is given.
   */
  check(history: ReadonlyMap<number, readonly ChangeSeen[]>, last: number | undefined): void {
    for (const [i, stretch] of this.stretches.entries()) {
      const { bookmark, seen } = stretch;
      const isLast = i === this.stretches.length - 1;
      const reached = Math.max(seen.at(-1)?.revision ?? 0, bookmark);
      this.checkStretch(history, stretch, isLast && last !== undefined ? last : reached);
    }
  }

  private checkStretch(
    history: ReadonlyMap<number, readonly ChangeSeen[]>,
    { from, seen }: Stretch,
    upTo: number,
  ): void {
    let at = 0;
    for (let revision = from; revision <= upTo; revision++) {
      for (const { key, value } of history.get(revision) ?? []) {
        if (key < this.from || key >= this.to) continue;
        const event = seen[at++];
        const same =
          event?.revision === revision && event.change.key === key && event.change.value === value;
        if (!same) {
          throw new Violation(
            "watch",
            `[${this.from}, ${this.to}) from ${from}: ${event === undefined ? "nothing" : `${event.change.key} at ${event.revision}`} came in the place of ${key}=${value} at ${revision}`,
          );
        }
        if (event.previous === undefined) continue;
        const before = heldBefore(history, key, revision);
        if (before === event.previous) continue;
        throw new Violation("watch", `${key} at ${revision} held ${before}, not ${event.previous}`);
      }
    }
    if (at < seen.length) {
      throw new Violation("watch", `[${this.from}, ${this.to}): an event came twice`);
    }
  }
}

function heldBefore(
  history: ReadonlyMap<number, readonly ChangeSeen[]>,
  key: string,
  revision: number,
): string | undefined {
  for (let at = revision - 1; at > 1; at--) {
    const change = history.get(at)?.findLast((one) => one.key === key);
    if (change !== undefined) return change.value;
  }
  return undefined;
}
