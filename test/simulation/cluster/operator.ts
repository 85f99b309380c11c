// Somebody who changes the membership of a simulated cluster: adds voters and learners and starts them,
// early, late or not before the next change; promotes, removes, moves and replaces members, hands
// leadership over, and asks for what must be refused. Answers that never come leave it in doubt: what
// the cluster is, it learns from MemberList alone.
import type { MemberId } from "#base/ids.ts";
import { EtcdError, type EtcdErrorName, isEtcdError } from "#proto/errors.ts";
import type { Member as MemberInfo } from "#proto/gen/cluster.ts";
import { Violation } from "../violation.ts";
import type { ClusterFaults } from "./cluster-faults.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import type { Identity, SimMember } from "./sim-member.ts";

const maxVoters = 5;
const maxMembersEver = 14;
/** What may be refused, and is counted by its name. */
const refusals: readonly EtcdErrorName[] = [
  "learnerNotReady",
  "memberNotEnoughStarted",
  "unhealthy",
  "tooManyLearners",
  "memberNotFound",
  "memberNotLearner",
  "peerUrlExists",
  "notLeader",
  "badLeaderTransferee",
];

export interface OperatorPorts {
  readonly stage: ClusterStage;
  readonly faults: ClusterFaults;
  /** Makes a member that is not started. */
  make(identity: Identity): SimMember;
}

export class Operator {
  private readonly ports: OperatorPorts;
  private readonly stage: ClusterStage;
  /** Of whom the removal was asked for: it may have happened. */
  private readonly removals = new Set<bigint>();
  /** Known to be removed, since it was answered so. */
  private readonly removed = new Set<bigint>();
  private serial = 100;

  constructor(ports: OperatorPorts) {
    this.ports = ports;
    this.stage = ports.stage;
  }

  begin(): void {
    this.actLater();
    this.lookLater();
  }

  /** True if its removal was asked for: it may have happened. */
  mayBeRemoved(id: bigint): boolean {
    return this.removals.has(id);
  }

  /** Only who was to be removed may take itself for removed. */
  left(member: SimMember): void {
    if (this.removals.has(member.id)) return;
    this.stage.fail(new Violation("membership", `${member.id} left, though nobody removed it`));
  }

  private actLater(): void {
    this.stage.time.after(300 + this.stage.random.below(1500), () => {
      if (this.stage.healing) return;
      this.act().then(
        () => this.actLater(),
        (error: unknown) => {
          this.actLater();
          if (error instanceof EtcdError) this.refused(error);
          else this.stage.fail(error);
        },
      );
    });
  }

  private refused(error: EtcdError): void {
    const name = refusals.find((one) => isEtcdError(error, one));
    this.stage.count(`change refused: ${name ?? "in doubt"}`);
  }

  /** Members that were added in doubt are found and started. */
  private lookLater(): void {
    this.stage.time.after(1000, () => {
      const asked = this.stage.pick(this.stage.up());
      if (asked !== undefined) this.look(asked).catch(() => {});
      this.lookLater();
    });
  }

  private async look(asked: SimMember): Promise<void> {
    const { api } = asked.running!;
    const gone = new Set(this.removed);
    await api.linearize();
    const list = api.members();
    for (const one of list) {
      this.meet(one, list);
      const member = this.stage.member(one.ID);
      const moved = member?.newUrl;
      if (moved !== undefined && one.peerURLs.includes(moved)) this.settle(member!, moved);
    }
    const back = list.find((one) => gone.has(one.ID));
    if (back !== undefined) {
      throw this.violation(`${back.ID} is back in the list of ${asked.id} after its removal`);
    }
  }

  private violation(what: string): Violation {
    const violation = new Violation("membership", what);
    this.stage.fail(violation);
    return violation;
  }

  /** Makes the member and starts it, sooner or later, unless it is known. */
  private meet(info: MemberInfo, list: readonly MemberInfo[]): void {
    if (this.stage.member(info.ID) !== undefined) return;
    const { random, time } = this.stage;
    const initial = list.map((one) => ({
      id: one.ID as MemberId,
      peerUrls: one.peerURLs,
      isLearner: one.isLearner,
      name: one.name,
      clientUrls: one.clientURLs,
    }));
    const id = info.ID as MemberId;
    const member = this.ports.make({
      id,
      name: `m${id % 10_000n}`,
      url: info.peerURLs[0]!,
      initial,
    });
    time.after(this.stage.healing || random.chance(0.6) ? 0 : random.below(6000), () => {
      if (!member.isUp && !member.hasLeft) member.start();
    });
  }

  private async act(): Promise<void> {
    const { random } = this.stage;
    const via = this.stage.pick(this.stage.up());
    if (via === undefined) return;
    const list = via.running!.api.members();
    // One that has just begun again has its membership still to apply.
    if (list.length === 0) return;
    const voters = list.filter((one) => !one.isLearner);
    const learners = list.filter((one) => one.isLearner);
    const lost = list.find((one) => this.stage.member(one.ID)?.isLost === true);
    const dice = random.below(100);
    if (lost !== undefined && dice < 60) await this.remove(via, lost);
    else if (dice < 35) {
      const room = voters.length < maxVoters && this.stage.members.length < maxMembersEver;
      if (room) await this.add(via, random.chance(0.6));
    } else if (dice < 52 && learners.length > 0) {
      await this.promote(via, this.stage.pick(learners)!);
    } else if (dice < 64 && voters.length > 2 && lost === undefined)
      await this.remove(via, this.victim(list));
    else if (dice < 71) await this.update(via, this.stage.pick(list)!);
    else if (dice < 82) await this.moveLeader(via, this.stage.pick(list)!);
    else if (dice < 88 && lost === undefined) this.loseDisk(voters);
    else await this.askNonsense(via, list);
  }

  private victim(list: readonly MemberInfo[]): MemberInfo {
    const leader = list.find((one) => one.ID === this.stage.leader()?.id);
    const down = list.filter((one) => this.stage.member(one.ID)?.isUp === false);
    const { random } = this.stage;
    if (leader !== undefined && random.chance(0.3)) return leader;
    return (random.chance(0.3) ? this.stage.pick(down) : undefined) ?? this.stage.pick(list)!;
  }

  private async add(via: SimMember, isLearner: boolean): Promise<void> {
    const url = `http://peer-${++this.serial}`;
    const { member, members } = await via.running!.api.reconfiguration.add([url], isLearner);
    this.stage.count(isLearner ? "learner added" : "voter added");
    const listed = members.find((one) => one.ID === member.ID);
    if (listed?.isLearner !== isLearner) {
      throw this.violation(`${member.ID} was added and is not in the answer as it should`);
    }
    this.meet(member, members);
  }

  private async promote(via: SimMember, learner: MemberInfo): Promise<void> {
    const wanted = Math.max(...this.stage.members.map((one) => one.appliedIndex));
    const members = await via.running!.api.reconfiguration.promote(learner.ID as MemberId, "");
    this.stage.count("learner promoted");
    if (members.find((one) => one.ID === learner.ID)?.isLearner !== false) {
      throw this.violation(`${learner.ID} was promoted and is not in the answer as a voter`);
    }
    // What somebody has applied the leader has; a learner that is promoted holds most of it.
    const held = this.stage.member(learner.ID)?.lastIndex ?? 0;
    if (held < wanted * 0.8) {
      throw this.violation(`${learner.ID} was promoted with ${held} of ${wanted} entries`);
    }
  }

  private async remove(via: SimMember, victim: MemberInfo): Promise<void> {
    const isLeader = victim.ID === this.stage.leader()?.id;
    this.removals.add(victim.ID);
    const members = await via.running!.api.reconfiguration.remove(victim.ID as MemberId);
    this.removed.add(victim.ID);
    const isDown = this.stage.member(victim.ID)?.isUp !== true;
    this.stage.count(
      isLeader ? "leader removed" : isDown ? "member that was down removed" : "member removed",
    );
    if (members.some((one) => one.ID === victim.ID)) {
      throw this.violation(`${victim.ID} was removed and is in the answer`);
    }
    this.bringBackLater(victim.ID);
  }

  /** Somebody starts it again with all that it had: it is told, and stops. */
  private bringBackLater(id: bigint): void {
    const { random, time } = this.stage;
    if (!random.chance(0.3)) return;
    time.after(3000 + random.below(5000), () => {
      const member = this.stage.member(id);
      if (member === undefined || !member.hasLeft || member.isLost || this.stage.healing) return;
      this.stage.count("removed member came back with its data");
      member.hasLeft = false;
      member.start();
    });
  }

  /** The member moves to another address. */
  private async update(via: SimMember, info: MemberInfo): Promise<void> {
    const member = this.stage.member(info.ID);
    if (member === undefined || member.newUrl !== undefined) return;
    const url = `http://peer-${++this.serial}`;
    member.newUrl = url;
    await via.running!.api.reconfiguration.update(info.ID as MemberId, [url]);
    this.settle(member, url);
  }

  /** The cluster knows the new address: the member is started again with that alone. */
  private settle(member: SimMember, url: string): void {
    this.stage.count("member moved to another URL");
    member.url = url;
    member.newUrl = undefined;
    if (member.isUp && !this.stage.healing) this.ports.faults.crash(member);
  }

  private async moveLeader(via: SimMember, to: MemberInfo): Promise<void> {
    // Only the leader does it.
    const asked = this.stage.random.chance(0.9) ? (this.stage.leader() ?? via) : via;
    await asked.running!.api.moveLeader(to.ID as MemberId);
    this.stage.count("leader moved");
  }

  /** A disk is gone for good: its member must be removed, and another one added in its place. */
  private loseDisk(voters: readonly MemberInfo[]): void {
    const member = this.stage.member(this.stage.pick(voters)?.ID ?? 0n);
    // Only where those that remain are a quorum, whatever change is under way.
    const others = voters.filter((one) => one.ID !== member?.id);
    const alive = others.filter((one) => this.stage.member(one.ID)?.hasJoined === true);
    if (member === undefined || alive.length < Math.floor((voters.length + 1) / 2) + 1) return;
    this.stage.count("disk lost");
    member.crash();
    member.isLost = true;
  }

  private async askNonsense(via: SimMember, list: readonly MemberInfo[]): Promise<void> {
    const { reconfiguration } = via.running!.api;
    const { random } = this.stage;
    const voter = list.find((one) => !one.isLearner)!;
    const learner = list.find((one) => one.isLearner);
    try {
      if (random.chance(0.4)) await reconfiguration.remove(4711n as MemberId);
      else if (learner === undefined || random.chance(0.5)) {
        await reconfiguration.promote(voter.ID as MemberId, "");
      } else await via.running!.api.moveLeader(learner.ID as MemberId);
    } catch (error) {
      if (error instanceof EtcdError) return this.refused(error);
      throw error;
    }
  }
}
