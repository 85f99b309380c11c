// Configurations and the changes from one to the next (thesis §4, and §4.3 for joint ones). A
// configuration is a value: each change returns a new one. All invariants are checked at every step;
// a change that breaks one is refused with its reason.
import { assert } from "#base/assert.ts";
import type { MemberId } from "#base/ids.ts";
import type { ConfChange, ConfChangeSingle, ConfChangeV2, ConfState } from "#proto/gen/raft.ts";
import { ConfChangeTransition, ConfChangeType } from "#proto/gen/raft.ts";

export interface Configuration {
  /** Who votes; of a joint configuration, the set it moves to. */
  readonly voters: ReadonlySet<MemberId>;
  /** The set that a joint configuration comes from; empty unless joint. */
  readonly outgoing: ReadonlySet<MemberId>;
  readonly learners: ReadonlySet<MemberId>;
  /** Outgoing voters that become learners once the joint configuration is left. */
  readonly learnersNext: ReadonlySet<MemberId>;
  /** Leave the joint configuration as soon as it is applied. */
  readonly autoLeave: boolean;
}

/** Why a change cannot be made. */
export interface Refusal {
  readonly refused: string;
}

const nobody: ReadonlySet<MemberId> = new Set();

/** No members at all: where a log that starts with its own configuration begins. */
export const emptyConfiguration: Configuration = {
  voters: nobody,
  outgoing: nobody,
  learners: nobody,
  learnersNext: nobody,
  autoLeave: false,
};

/** True while two majorities have to agree. */
export function isJoint(config: Configuration): boolean {
  return config.outgoing.size > 0;
}

/** A change of one member in the form of a change of several. */
export function asV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if ("changes" in change) return change;
  return {
    transition: ConfChangeTransition.ConfChangeTransitionAuto,
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** True if the change says no more than "leave the joint configuration". */
export function leavesJoint(change: ConfChangeV2): boolean {
  return (
    change.transition === ConfChangeTransition.ConfChangeTransitionAuto &&
    change.changes.length === 0
  );
}

/** What `change` makes of `config`: simple if one member changes and nothing else was asked for. */
export function applyChange(config: Configuration, change: ConfChangeV2): Configuration | Refusal {
  if (leavesJoint(change)) return leaveJoint(config);
  const { ConfChangeTransitionAuto, ConfChangeTransitionJointExplicit } = ConfChangeTransition;
  if (change.transition !== ConfChangeTransitionAuto || change.changes.length > 1) {
    const autoLeave = change.transition !== ConfChangeTransitionJointExplicit;
    return enterJoint(config, change.changes, autoLeave);
  }
  return simple(config, change.changes);
}

/** Changes at most one voter, and any learners; majorities before and after overlap. */
export function simple(
  config: Configuration,
  changes: readonly ConfChangeSingle[],
): Configuration | Refusal {
  if (isJoint(config))
    return { refused: "a simple change cannot be made in a joint configuration" };
  const next = withChanges(config, nobody, changes);
  if ("refused" in next) return next;
  const changed = missingFrom(config.voters, next.voters) + missingFrom(next.voters, config.voters);
  if (changed > 1) return { refused: "more than one voter changes without a joint configuration" };
  return checked(next);
}

/** Begins a joint configuration: from now on the present and the changed voters both decide. */
export function enterJoint(
  config: Configuration,
  changes: readonly ConfChangeSingle[],
  autoLeave: boolean,
): Configuration | Refusal {
  if (isJoint(config)) return { refused: "the configuration is already joint" };
  if (config.voters.size === 0)
    return { refused: "a configuration without voters cannot be joint" };
  const next = withChanges(config, config.voters, changes);
  if ("refused" in next) return next;
  return checked({ ...next, autoLeave });
}

/** Ends a joint configuration: outgoing voters are dropped, or become learners if staged so. */
export function leaveJoint(config: Configuration): Configuration | Refusal {
  if (!isJoint(config)) return { refused: "the configuration is not joint" };
  return checked({
    voters: config.voters,
    outgoing: nobody,
    learners: new Set([...config.learners, ...config.learnersNext]),
    learnersNext: nobody,
    autoLeave: false,
  });
}

/** The configuration that `state` describes. */
export function restoreConfiguration(state: ConfState): Configuration | Refusal {
  return checked({
    voters: new Set(state.voters),
    outgoing: new Set(state.votersOutgoing),
    learners: new Set(state.learners),
    learnersNext: new Set(state.learnersNext),
    autoLeave: state.autoLeave,
  });
}

/** The inverse of restoreConfiguration; members in ascending order. */
export function confStateOf(config: Configuration): ConfState {
  return {
    voters: sortedIds(config.voters),
    learners: sortedIds(config.learners),
    votersOutgoing: sortedIds(config.outgoing),
    learnersNext: sortedIds(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

/** Members in ascending order. */
export function sortedIds(ids: ReadonlySet<MemberId>): MemberId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** For changes that are committed: one that is refused means that the log or the state is wrong. */
export function assertAccepted(result: Configuration | Refusal): Configuration {
  assert(!("refused" in result), `raft: ${"refused" in result ? result.refused : ""}`);
  return result;
}

function withChanges(
  config: Configuration,
  outgoing: ReadonlySet<MemberId>,
  changes: readonly ConfChangeSingle[],
): Configuration | Refusal {
  const voters = new Set(config.voters);
  const learners = new Set(config.learners);
  const learnersNext = new Set(config.learnersNext);
  for (const { type, nodeId } of changes) {
    // A committed change that the state machine refused is applied with member 0: nothing happens.
    if (nodeId === 0n) continue;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        learners.delete(nodeId);
        learnersNext.delete(nodeId);
        voters.add(nodeId);
        break;
      case ConfChangeType.ConfChangeAddLearnerNode:
        if (learners.has(nodeId)) break;
        voters.delete(nodeId);
        // Still a voter in the outgoing set: it can be a learner only after that set is gone.
        if (outgoing.has(nodeId)) learnersNext.add(nodeId);
        else learners.add(nodeId);
        break;
      case ConfChangeType.ConfChangeRemoveNode:
        voters.delete(nodeId);
        learners.delete(nodeId);
        learnersNext.delete(nodeId);
        break;
      case ConfChangeType.ConfChangeUpdateNode:
        break;
      default:
        return { refused: `unknown kind of configuration change ${type}` };
    }
  }
  if (voters.size === 0) return { refused: "the change removes all voters" };
  return { voters, outgoing, learners, learnersNext, autoLeave: config.autoLeave };
}

function checked(config: Configuration): Configuration | Refusal {
  for (const id of config.learnersNext) {
    if (!config.outgoing.has(id))
      return { refused: `${id} is staged as learner but no outgoing voter` };
    if (config.learners.has(id)) return { refused: `${id} is staged as learner and already one` };
    if (config.voters.has(id)) return { refused: `${id} is staged as learner and a voter` };
  }
  for (const id of config.learners) {
    if (config.outgoing.has(id)) return { refused: `${id} is a learner and an outgoing voter` };
    if (config.voters.has(id)) return { refused: `${id} is a learner and a voter` };
  }
  if (!isJoint(config) && config.autoLeave) return { refused: "auto-leave without being joint" };
  return config;
}

function missingFrom(all: ReadonlySet<MemberId>, some: ReadonlySet<MemberId>): number {
  let count = 0;
  for (const id of all) if (!some.has(id)) count++;
  return count;
}
