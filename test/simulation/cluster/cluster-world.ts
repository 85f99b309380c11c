// Whole members in one process under virtual time, driven and tormented by one seed: clients that
// write, compare, read (clients.ts), watch (cluster-watches.ts) and hold leases; an operator that
// changes the membership (operator.ts); a network that loses, delays and cuts (cluster-network.ts);
// members that crash, pause and restart (cluster-faults.ts). At the end all faults cease; then all
// members must be alike, and all that clients were told must fit one history.
import type { MemberId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import { CompactionRequest, RangeRequest } from "#proto/gen/kv.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import type { NodeApi } from "#server/node/api-member.ts";
import { Violation } from "../violation.ts";
import { Clients } from "./clients.ts";
import { ClusterFaults } from "./cluster-faults.ts";
import { ClusterNetwork } from "./cluster-network.ts";
import { ClusterStage } from "./cluster-stage.ts";
import { ClusterWatches } from "./cluster-watches.ts";
import { LeaseTask } from "./lease-task.ts";
import type { ChangeSeen } from "./ledger.ts";
import { Operator } from "./operator.ts";
import { type Identity, type MemberPorts, SimMember } from "./sim-member.ts";
import { StateDepot } from "./slow-disk.ts";

export interface ClusterOptions {
  readonly seed: number;
  /** How long faults last; then the cluster heals. */
  readonly stormMs: number;
}

const memberCount = 3;
const healMs = 30_000;

export class ClusterWorld {
  readonly stage: ClusterStage;
  private readonly options: ClusterOptions;
  private readonly ports: MemberPorts;
  private readonly faults: ClusterFaults;
  private readonly network: ClusterNetwork;
  private readonly clients: Clients;
  private readonly watches: ClusterWatches;
  private readonly operator: Operator;
  private readonly leases = new Map<string, LeaseTask>();
  private readonly goneReported = new Set<number>();
  private leaseSerial = 0;

  constructor(options: ClusterOptions) {
    this.options = options;
    const stage = new ClusterStage(seededRandom(options.seed));
    this.stage = stage;
    this.network = new ClusterNetwork(stage);
    this.faults = new ClusterFaults(stage, this.network);
    this.clients = new Clients(stage, options.stormMs + healMs / 3);
    this.watches = new ClusterWatches(stage, (changes, revision) => this.seen(changes, revision));
    const { faults } = this;
    this.operator = new Operator({ stage, faults, make: (identity) => this.make(identity) });
    const first: MemberRecord[] = Array.from({ length: memberCount }, (_, i) => ({
      id: BigInt(i + 1) as MemberId,
      peerUrls: [`http://peer-${i + 1}`],
      isLearner: false,
      name: `m${i + 1}`,
      clientUrls: [],
    }));
    this.ports = {
      stage,
      network: this.network,
      depot: new StateDepot(),
      isStrict: stage.random.chance(0.5),
      first,
      began: (member) => this.watches.began(member),
      replacing: (member) => {
        if (stage.random.chance(0.2)) faults.crashSoon(member, 80);
      },
      isRemoved: (id) => this.operator.isKnownRemoved(id),
      left: (member) => this.operator.left(member),
    };
    for (const { id, name, peerUrls } of first) {
      this.make({ id, name, url: peerUrls[0]!, initial: undefined });
    }
  }

  private make(identity: Identity): SimMember {
    const member = new SimMember(identity, this.ports);
    this.stage.members.push(member);
    return member;
  }

  /** Rejects with Violation, or with what a member could not go on with. */
  async run(): Promise<void> {
    const { stage } = this;
    const { stormMs } = this.options;
    for (const member of stage.members) member.start();
    this.faults.begin();
    this.clients.begin();
    this.watches.watchLater();
    this.operator.begin();
    this.leaseLater();
    this.compactLater();
    await stage.runUntil(stormMs);
    stage.healing = true;
    this.network.heal();
    this.faults.heal();
    await stage.runUntil(stormMs + healMs);
    await this.checkHealed();
  }

  private seen(changes: readonly ChangeSeen[], revision: number): void {
    if (this.goneReported.has(revision)) return;
    this.goneReported.add(revision);
    for (const { key, value } of changes) {
      if (value === undefined) this.leases.get(key)?.ended();
    }
  }

  private leaseLater(): void {
    const { random, time } = this.stage;
    time.after(500 + random.below(4000), () => {
      if (this.stage.healing) return;
      const member = this.stage.pick(this.stage.up());
      const lease = {
        id: ++this.leaseSerial,
        ttlSeconds: 2 + random.below(4),
        keepMs: random.below(15_000),
      };
      const task = new LeaseTask(lease, {
        time,
        pick: () => this.stage.pick(this.stage.up()),
        count: (what) => this.stage.count(what),
      });
      this.leases.set(task.key, task);
      if (member !== undefined) task.run(member).catch(() => {});
      this.leaseLater();
    });
  }

  private compactLater(): void {
    const { random, time } = this.stage;
    time.after(1000 + random.below(5000), () => {
      if (this.stage.healing) return;
      const api = this.stage.pick(this.stage.up())?.running?.api;
      if (api !== undefined) {
        const revision = Math.max(
          1,
          api.currentRevision() - random.below(random.chance(0.5) ? 3 : 40),
        );
        api.propose("compaction", CompactionRequest.fromPartial({ revision })).then(
          () => this.stage.count("compaction"),
          () => {},
        );
      }
      this.compactLater();
    });
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────

  /** Those that the leader lists; all of them run, and nobody else does. */
  private finalMembers(): SimMember[] {
    const { stage } = this;
    const leader = stage.leader();
    if (leader === undefined) throw new Violation("liveness", "nobody leads");
    const { raft, members } = leader.running!.replica.member.parts;
    const list = members.list();
    const { progress } = raft.status();
    const describe = (id: bigint, isLearner: boolean): string =>
      `${id}${isLearner ? " learner" : ""}`;
    const listed = list.map(({ id, isLearner }) => describe(id, isLearner)).join(", ");
    const counted = [...progress].map(([id, { isLearner }]) => describe(id, isLearner)).join(", ");
    if (listed !== counted) {
      throw new Violation("membership", `members are ${listed}, raft counts ${counted}`);
    }
    const ids = list.map(({ id }) => id);
    for (const member of stage.members) {
      if (ids.includes(member.id) || !member.isUp) continue;
      // Where all others have moved meanwhile there is nobody to tell it.
      if (!this.network.finds(member, ids)) continue;
      throw new Violation("membership", `${member.id} runs on after its removal`);
    }
    return list
      .filter(({ id }) => stage.member(id)?.isLost !== true)
      .map(({ id }) => {
        const member = stage.member(id);
        if (member?.running !== undefined) {
          checkPeers(member, list);
          return member;
        }
        throw new Violation("liveness", `member ${id} does not run after all faults ceased`);
      });
  }

  private async checkHealed(): Promise<void> {
    const { ledger } = this.stage;
    const members = this.finalMembers();
    const states = new Set<string>();
    const existing = new Set<string>();
    for (const member of members) {
      const { api, replica } = member.running!;
      const state = await this.state(api, existing);
      const { applyTurn, parts } = replica.member;
      const { clusterVersion } = parts.members;
      const list = parts.members.list().map(({ id, isLearner, name, peerUrls }) => {
        return `${id} ${isLearner} ${name} ${peerUrls}`;
      });
      states.add(
        `${state}, applied ${applyTurn.appliedIndex}, ${parts.lessor.count} leases, cluster version ${clusterVersion}, members ${list.join("; ")}`,
      );
    }
    if (states.size !== 1) {
      throw new Violation("state machine safety", `members differ: ${[...states].join(" | ")}`);
    }
    ledger.check();
    const { api } = members[0]!.running!;
    this.watches.check(api.currentRevision(), members);
    for (const lease of this.leases.values()) lease.checkEnded(existing);
    if (members.some((one) => one.running!.replica.member.parts.lessor.count > 0)) {
      throw new Violation("lease", "leases live on that nobody keeps alive");
    }
  }

  /** What a member holds, told by itself; the keys are added to `existing`. */
  private async state(api: NodeApi, existing: Set<string>): Promise<string> {
    const hashing = api.hashKv(0);
    const all = { key: Buffer.from("\0"), rangeEnd: Buffer.from("\0") };
    const reading = api.range(RangeRequest.fromPartial(all));
    await this.stage.runUntil(this.stage.time.nowMs + 500);
    const { hash, hashRevision, compactRevision } = await hashing;
    const { kvs } = await reading;
    for (const { key } of kvs) existing.add(Buffer.from(key).toString());
    return `hash ${hash} at ${hashRevision}, compacted ${compactRevision}, ${kvs.length} keys`;
  }
}

/** A member's transport knows all others where they are, and nobody else. */
function checkPeers(member: SimMember, list: readonly MemberRecord[]): void {
  const show = (peers: readonly (readonly [MemberId, readonly string[]])[]): string =>
    peers
      .map(([id, urls]) => `${id} at ${urls}`)
      .sort()
      .join(", ");
  const known = show([...member.peers]);
  const others = list.filter((one) => one.id !== member.id);
  const wanted = show(others.map(({ id, peerUrls }) => [id, peerUrls]));
  if (known === wanted) return;
  throw new Violation("membership", `peers of ${member.id} are ${known}, not ${wanted}`);
}
