// Changes of membership, and leadership handed over, at moments good and bad: newcomers with an empty
// log that start late or not for long, voters and learners removed while they lead, lag or are out of
// reach, several changes at once, and removed members that come back with what they had.
import type { MemberId } from "#base/ids.ts";
import { ConfChangeTransition, ConfChangeType } from "#proto/gen/raft.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import type { Faults } from "./faults.ts";
import type { Network } from "./network.ts";
import type { SimNode } from "./sim-node.ts";
import type { Stage } from "./stage.ts";

const maxVoters = 7;
const maxNodes = 14;
const { ConfChangeAddLearnerNode, ConfChangeAddNode, ConfChangeRemoveNode } = ConfChangeType;

export interface ReconfigurationPorts {
  readonly stage: Stage;
  readonly network: Network;
  readonly faults: Faults;
  /** A member that nobody knows, not started. */
  newcomer(): SimNode;
}

export class Reconfiguration {
  private readonly ports: ReconfigurationPorts;
  private readonly stage: Stage;

  constructor(ports: ReconfigurationPorts) {
    this.ports = ports;
    this.stage = ports.stage;
  }

  /** Hands leadership over: to anybody, or to one who is in no state to take it. */
  transfer(): void {
    const { counters, random } = this.stage;
    const leader = this.stage.leader();
    if (leader === undefined) return;
    const { learners, voters } = leader.app.confState;
    const others = voters.filter((id) => id !== leader.id);
    const down = others.filter((id) => this.stage.node(id)?.raw === undefined);
    const behind = others.filter((id) => this.stage.node(id)!.app.index + 5 < leader.app.index);
    let target = this.stage.pick(voters);
    const dice = random.below(10);
    if (dice < 3 && down.length > 0) {
      counters.add("leadership transfer to one that is down");
      target = this.stage.pick(down);
    } else if (dice < 6 && behind.length > 0) {
      counters.add("leadership transfer to one that lags");
      target = this.stage.pick(behind);
    } else if (dice < 7 && learners.length > 0) {
      counters.add("leadership transfer to a learner");
      target = this.stage.pick(learners);
    }
    if (target === undefined) return;
    counters.add("leadership transfer");
    leader.input((raw) => raw.transferLeader(target as MemberId));
  }

  change(): void {
    const { random } = this.stage;
    const leader = this.stage.leader();
    if (leader === undefined) return;
    const { learners, voters } = leader.app.confState;
    const dice = random.below(24);
    if (dice < 8 && voters.length < maxVoters) this.add();
    else if (dice < 11 && learners.length > 0) {
      // At this level nobody asks whether it has caught up.
      this.propose(ConfChangeAddNode, this.stage.pick(learners)!);
    } else if (dice < 12 && learners.length > 0) {
      this.propose(ConfChangeRemoveNode, this.stage.pick(learners)!);
    } else if (dice < 16 && voters.length > 2) this.remove(leader);
    else if (dice < 18) this.twoAtOnce(leader);
    else if (voters.length > 2) this.changeJointly(leader);
  }

  /** A newcomer, up before the change, soon after it or long after it. */
  private add(): void {
    const { counters, random, timeline } = this.stage;
    const fresh = this.newcomer();
    if (fresh === undefined) return;
    const start = (): void => {
      if (fresh.life === 0) fresh.start();
    };
    if (random.chance(0.6)) start();
    else {
      counters.add("member added before it runs");
      timeline.after(random.below(8000), start);
    }
    this.propose(random.chance(0.5) ? ConfChangeAddLearnerNode : ConfChangeAddNode, fresh.id);
  }

  /** One that was made and never became a member, else another one. */
  private newcomer(): SimNode | undefined {
    const { nodes } = this.stage;
    const unused = nodes.find((node) => node.life === 0);
    if (unused !== undefined) return unused;
    return nodes.length < maxNodes ? this.ports.newcomer() : undefined;
  }

  private remove(leader: SimNode): void {
    const { counters, random } = this.stage;
    const { network } = this.ports;
    const { voters } = leader.app.confState;
    const lost = voters.filter(
      (id) => this.stage.node(id)?.raw === undefined || network.isCut(leader.id, id),
    );
    const dice = random.below(10);
    if (dice < 3) this.propose(ConfChangeRemoveNode, leader.id);
    else if (dice < 6 && lost.length > 0) {
      counters.add("removal of one that cannot be reached");
      this.propose(ConfChangeRemoveNode, this.stage.pick(lost)!);
    } else this.propose(ConfChangeRemoveNode, this.stage.pick(voters)!);
  }

  /** The second one must wait: raft makes it an entry that says nothing. */
  private twoAtOnce(leader: SimNode): void {
    const { counters } = this.stage;
    const { learners, voters } = leader.app.confState;
    const fresh = this.newcomer();
    if (fresh === undefined || voters.length < 3) return;
    if (fresh.life === 0) fresh.start();
    const first = change(ConfChangeRemoveNode, this.stage.pick(voters)!);
    const second = change(ConfChangeAddNode, this.stage.pick(learners) ?? fresh.id);
    counters.add("two changes at once");
    leader.input((raw) => {
      raw.proposeConfChange(first);
      raw.proposeConfChange(second);
    });
  }

  /** Mostly at the leader; at a follower it travels, and may arrive twice or late. */
  private propose(type: ConfChangeType, nodeId: bigint): void {
    const { counters, random } = this.stage;
    const leader = this.stage.leader();
    const other = random.chance(0.3) ? this.stage.pick(this.stage.up()) : undefined;
    if (other !== undefined && other !== leader) counters.add("change proposed by a follower");
    const by = other ?? leader;
    by?.input((raw) => void raw.proposeConfChange(change(type, nodeId)));
  }

  private changeJointly(leader: SimNode): void {
    const { learners, voters } = leader.app.confState;
    const changes = [
      { type: ConfChangeRemoveNode as ConfChangeType, nodeId: this.stage.pick(voters)! },
    ];
    const second = this.stage.pick(voters)!;
    if (voters.length > 4 && second !== changes[0]!.nodeId) {
      // Old and new majorities that need not meet.
      changes.push({ type: ConfChangeRemoveNode, nodeId: second });
    }
    const fresh = learners.length === 0 ? this.newcomer() : undefined;
    if (fresh?.life === 0) fresh.start();
    const added = learners[0] ?? fresh?.id;
    if (added !== undefined) changes.push({ type: ConfChangeAddNode, nodeId: added });
    leader.input(
      (raw: RawNode) =>
        void raw.proposeConfChangeV2({
          transition: ConfChangeTransition.ConfChangeTransitionJointImplicit,
          changes,
          context: new Uint8Array(0),
        }),
    );
  }

  /** How long a member that has applied its removal goes on. */
  lingerMs(): number {
    const { healing, random } = this.stage;
    return healing || random.chance(0.5) ? 0 : random.below(5000);
  }

  /** Somebody starts a removed member again, with all that it had, for some seconds. */
  bringBack(): void {
    const { counters, random, timeline } = this.stage;
    const node = this.stage.pick(this.stage.nodes.filter((one) => one.gone));
    if (node === undefined) return;
    counters.add("removed member came back with its data");
    node.gone = false;
    node.start();
    const { life } = node;
    timeline.after(500 + random.below(8000), () => {
      if (node.life === life) node.leave();
    });
  }

  /** Nobody starts removed members any more, and none of them goes on. */
  heal(): void {
    const latest = this.stage.nodes.reduce((a, b) => (a.app.index > b.app.index ? a : b));
    for (const node of this.stage.nodes) {
      if (!node.gone && latest.app.removed.includes(node.id)) node.leave();
    }
  }
}

function change(type: ConfChangeType, nodeId: bigint) {
  return { id: 0n, type, nodeId, context: new Uint8Array(0) };
}
