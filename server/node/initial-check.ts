// A member that starts compares its data with its peers' before it takes part in anything: one that
// differs refuses to start, and names itself and the peer. At most a few seconds go into it, and only
// if somebody differs and the others' word is missing. Peers that could not be compared have not
// passed: they are asked again, while the member serves, until each was compared once.
//
// The majority decides. A member whose hash most members share starts, and names the one that differs,
// for which it must not be kept down.
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { formatId, type MemberId, noMember } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import type { KvHash } from "#server/mvcc/store.ts";
import { type AskHash, askPeer, askPeerSince, type MemberHash } from "#server/node/hash-answers.ts";

export interface InitialCheckPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly memberId: MemberId;
  /** All members but this one, learners too. */
  others(): readonly MemberRecord[];
  ask: AskHash;
  /** The hash over what this member holds now; 0 for the current revision. */
  hashNow(revision: number): Promise<KvHash>;
  revisions(): { readonly current: number; readonly compact: number };
  /** Raises CORRUPT for the member; noMember for the whole cluster. */
  raise(id: MemberId): Promise<unknown>;
  /** The process cannot go on. */
  fatal(error: OperatingError): void;
}

const decideWithinMs = 5000;
const betweenLooksMs = 250;
const firstRetryMs = 2000;
const lastRetryMs = 300_000;

type Outcome = "agrees" | "differs" | { readonly notCompared: string };

export class InitialCheck {
  private readonly ports: InitialCheckPorts;
  /** What was found so far, by member. */
  private readonly found = new Map<MemberId, "agrees" | "differs">();
  private readonly told = new Set<MemberId>();
  private stopped = false;

  constructor(ports: InitialCheckPorts) {
    this.ports = ports;
  }

  stop(): void {
    this.stopped = true;
  }

  /**
   * For before the start, and again before clients are served, when those that started together can
   * be asked. Rejects with DATA_INCONSISTENT if this member must not start.
   */
  async run(): Promise<void> {
    const { clock, log, memberId } = this.ports;
    if (this.pending().length === 0) return;
    log.info({ "local-member-id": formatId(memberId) }, "starting initial corruption check");
    const deadline = clock.monotonicMs() + decideWithinMs;
    for (;;) {
      await this.look();
      const verdict = this.verdict();
      if (verdict === "in order" || this.stopped) break;
      if (verdict === "refuse" || clock.monotonicMs() >= deadline) throw this.refusal();
      await this.wait(betweenLooksMs);
    }
    this.report();
  }

  /** Goes on with whoever was not compared, until each was or `stop` is called. */
  async runOn(): Promise<void> {
    let waitMs = firstRetryMs;
    while (!this.stopped && this.pending().length > 0) {
      await this.wait(waitMs);
      waitMs = Math.min(waitMs * 2, lastRetryMs);
      if (this.stopped) return;
      await this.look();
      switch (this.verdict()) {
        case "refuse":
          if (this.differing().length >= this.quorum()) {
            this.ports.fatal(this.refusal());
            return;
          }
          this.ports.log.error({ error: this.refusal().message }, "found data inconsistency");
          await this.ports.raise(noMember).catch(() => {});
          return;
        case "in order":
          this.report();
          break;
        case "undecided":
      }
    }
  }

  /** Compares with all that are pending. Never rejects. */
  private async look(): Promise<void> {
    const pending = this.pending();
    await Promise.all(
      pending.map(async (peer) => {
        const outcome = await this.compare(peer);
        if (typeof outcome === "string") this.found.set(peer.id, outcome);
        else this.notCompared(peer.id, outcome.notCompared);
      }),
    );
  }

  private async compare(peer: MemberRecord): Promise<Outcome> {
    const { ask, revisions } = this.ports;
    const own = revisions();
    let at = own.current;
    let found = await askPeerSince(ask, peer, own.current, own.compact);
    if (found.why === "future") {
      // One that is behind is compared at its own revision. etcd 3.5 does not name what it hashed at.
      found = await askPeer(ask, peer, 0);
      at = found.answer?.hashRevision || (found.answer?.revision ?? 0);
    }
    const { answer } = found;
    if (answer === undefined) {
      return { notCompared: found.why === "compacted" ? "this member is behind" : found.error };
    }
    try {
      return this.judge(peer.id, await this.ports.hashNow(at), answer);
    } catch (error) {
      return { notCompared: errorText(error) };
    }
  }

  private judge(id: MemberId, own: KvHash, answer: MemberHash): Outcome {
    if (own.compactRevision !== answer.compactRevision) {
      return {
        notCompared: `it hashed since the compaction at ${answer.compactRevision}, this member since ${own.compactRevision}`,
      };
    }
    if (own.hash === answer.hash) return "agrees";
    const { log, memberId } = this.ports;
    log.error(
      {
        "local-member-id": formatId(memberId),
        "local-member-hash": own.hash,
        "remote-peer-id": formatId(id),
        "remote-peer-hash": answer.hash,
        revision: own.hashRevision,
        "compact-revision": own.compactRevision,
      },
      "found different hash values from remote peer",
    );
    return "differs";
  }

  /** Whether this member may start, by what was found so far. */
  private verdict(): "in order" | "undecided" | "refuse" {
    if (this.differing().length === 0) return "in order";
    const agreeing = [...this.found.values()].filter((one) => one === "agrees").length + 1;
    if (agreeing >= this.quorum()) return "in order";
    return agreeing + this.pending().length < this.quorum() ? "refuse" : "undecided";
  }

  private quorum(): number {
    return Math.floor((this.ports.others().length + 1) / 2) + 1;
  }

  private pending(): readonly MemberRecord[] {
    return this.ports.others().filter(({ id }) => !this.found.has(id));
  }

  private differing(): readonly MemberId[] {
    return [...this.found].filter(([, one]) => one === "differs").map(([id]) => id);
  }

  private report(): void {
    const { log, memberId } = this.ports;
    const own = { "local-member-id": formatId(memberId) };
    const differing = this.differing();
    if (differing.length > 0) {
      log.error(
        { ...own, "corrupt-members": differing.map(formatId) },
        "a peer holds other data than this member and the majority",
      );
      return;
    }
    if (this.pending().length > 0) return;
    log.info(own, "initial corruption checking passed; no corruption");
  }

  private refusal(): OperatingError {
    const { memberId } = this.ports;
    const peers = this.differing().map(formatId).join(", ");
    return new OperatingError(
      "DATA_INCONSISTENT",
      `member ${formatId(memberId)} found data inconsistency with peers: ${peers} ${this.differing().length === 1 ? "holds" : "hold"} other data, and no majority holds this member's; if it is this member that is damaged, remove it from the cluster and add it again with an empty data folder`,
    );
  }

  private notCompared(id: MemberId, reason: string): void {
    if (this.told.has(id)) return;
    this.told.add(id);
    const { log, memberId } = this.ports;
    log.warn(
      { "local-member-id": formatId(memberId), "remote-peer-id": formatId(id), reason },
      "not compared with a peer yet; it will be asked again",
    );
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.clock.after(ms, resolve));
  }
}
