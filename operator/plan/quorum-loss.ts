// No quorum: how long it is waited for, when it counts as lost, and the way out, which is only taken when
// someone has confirmed it: one survivor goes on alone, all others are proved stopped before.
import { act, blocked, note, wait } from "#operator/plan/decide.ts";
import type { Decision, MemberRecord, PlanState, Recovery } from "#operator/plan/types.ts";
import { type MemberView, quorumOf, type View, withRecord } from "#operator/plan/view.ts";

/** So long members may be away together before the way out is offered. */
export const lossPatienceMs = 5 * 60_000;

/** What to do while no quorum answers. */
export function withoutQuorum(view: View): Decision {
  const { state, nowMs, wanted } = view;
  if (state.clusterId === undefined) {
    const lost = view.members.filter((one) => one.isLost).map((one) => one.record.name);
    if (lost.length > 0 && view.members.length - lost.length < quorumOf(view.members.length)) {
      return blocked(
        state,
        "FormationFailed",
        `${lost.join(", ")} lost their data before the cluster was formed: delete the cluster and create it again`,
      );
    }
    return wait(state, "Forming", "waiting for the members to find each other");
  }
  if (state.noQuorumSinceMs === undefined) {
    return note({ ...state, noQuorumSinceMs: nowMs }, "NoQuorum", "no quorum of members answers");
  }
  const voters = view.members.filter(hasVote);
  const left = voters.filter((one) => !one.isLost).length;
  const sinceMs = nowMs - state.noQuorumSinceMs;
  if (!state.lost) {
    if (left >= quorumOf(voters.length) && sinceMs < lossPatienceMs) {
      const until = state.noQuorumSinceMs + lossPatienceMs;
      return wait(state, "NoQuorum", "no quorum of members answers; waiting for them", until);
    }
    const lossGeneration = state.lossGeneration + 1;
    return note({ ...state, lost: true, lossGeneration }, "QuorumLost", "the quorum is lost");
  }
  const word = `${state.clusterId}/${state.lossGeneration}`;
  // Going on stops the survivor first: without a volume nothing is left of it then.
  const best = wanted.isEphemeral === true ? undefined : survivorOf(view);
  const outcome =
    best === undefined
      ? "No member with data answers, so there is nobody to go on with: bring one back, or restore a backup into a new cluster."
      : `To go on with ${best.record.name} alone (term ${best.answer?.term}, index ${best.answer?.index}) and lose what only the others had, set spec.recovery.confirm: ${word}.`;
  if (wanted.confirm !== word || state.usedConfirm === word || best === undefined) {
    return blocked(
      state,
      "QuorumLost",
      `${voters.length - left} of ${voters.length} voters lost their data or do not answer. Bring members back if that can be. ${outcome}`,
    );
  }
  const recovery: Recovery = {
    generation: state.lossGeneration,
    survivor: best.record.name,
    phase: "fencing",
  };
  return note(
    { ...state, recovery, usedConfirm: word },
    "Recovering",
    `going on with ${best.record.name}`,
  );
}

/**
 * Whether it has a vote as far as can be told without a list: the last change of the list may not have been
 * noted, so what a member says of itself counts too.
 */
function hasVote({ record, answer }: MemberView): boolean {
  switch (record.phase) {
    case "initial":
    case "voter":
      return true;
    case "joining":
      return answer?.isLearner === false;
    case "leaving":
      return record.isOut !== true && record.because === "surplus";
  }
}

/** Of the voters that answer, the one with the highest term, then index, then the lowest serial. */
function survivorOf(view: View): MemberView | undefined {
  let best: MemberView | undefined;
  for (const one of view.members) {
    const { record, answer } = one;
    if (!hasVote(one) || answer === undefined || one.isLost || answer.isLearner) continue;
    if (answer.clusterId !== view.state.clusterId) continue;
    if (record.memberId !== undefined && answer.memberId !== record.memberId) continue;
    const than = best?.answer;
    const isBetter =
      than === undefined ||
      answer.term > than.term ||
      (answer.term === than.term && answer.index > than.index);
    if (isBetter) best = one;
  }
  return best;
}

/** The next step of a recovery under way; undefined if there is none. */
export function recover(view: View): Decision | undefined {
  const { state, observed, wanted } = view;
  const { recovery } = state;
  if (recovery === undefined) return undefined;
  const survivor = view.members.find((one) => one.record.name === recovery.survivor);
  if (survivor === undefined || survivor.isLost) {
    return blocked(
      state,
      "RecoveryFailed",
      `${recovery.survivor}, with which the cluster was to go on, lost its data too: restore a backup into a new cluster`,
    );
  }
  const { name } = survivor.record;
  const message = `going on with ${name} alone`;
  if (recovery.phase === "fencing") {
    for (const { record, runs } of view.members) {
      if (runs.kind === "running" || runs.kind === "ended") {
        return act(
          state,
          { kind: "stop", member: record.name },
          "Recovering",
          `${message}: stopping ${record.name}`,
        );
      }
    }
    if (view.members.some(({ runs }) => runs.kind !== "absent")) {
      return wait(state, "Recovering", `${message}: waiting until all others are proved stopped`);
    }
    return note({ ...state, recovery: { ...recovery, phase: "forcing" } }, "Recovering", message);
  }
  // What is wanted now, for the survivor may have been given what keeps it from coming up.
  const isRefused = wanted.template.id === state.refusedTemplate;
  const template = isRefused ? templateBefore(view, survivor.record) : wanted.template;
  const { runs } = survivor;
  const isCurrent = runs.kind === "running" && runs.template === template?.id;
  const isAlone = observed.membership?.members.length === 1 && survivor.listed !== undefined;
  const force = recovery.phase === "forcing";
  if (runs.kind === "running" && runs.forced === force && (isAlone || isCurrent)) {
    if (!isAlone) {
      const settings = isRefused
        ? ", with settings from before, for those of the spec were put back: if it does not come up, change the spec"
        : "";
      return wait(state, "Recovering", `${message}: waiting for it${settings}`);
    }
    // Forced once only: a crash later on must not throw out members that came after.
    if (force)
      return note(
        { ...state, recovery: { ...recovery, phase: "settling" } },
        "Recovering",
        message,
      );
    return note(recovered(state, name), "Recovered", `${name} goes on; the others are replaced`);
  }
  if (runs.kind === "absent" && template !== undefined) {
    const join = {
      state: "existing",
      initialCluster: `${name}=${survivor.record.peerUrl}`,
      token: state.token,
    } as const;
    const step = { kind: "start", member: name, template, join, force } as const;
    const next = {
      ...withRecord(state, name, { template: template.id }),
      templates: { ...state.templates, [template.id]: template },
    };
    return act(next, step, "Recovering", `${message}: starting it`);
  }
  if (runs.kind === "absent")
    return blocked(
      state,
      "RecoveryWaits",
      `${message}: members do not come up with the settings that are wanted, and no others are known; mend the spec`,
    );
  if (runs.kind === "stopping") return wait(state, "Recovering", message);
  return act(state, { kind: "stop", member: name }, "Recovering", `${message}: restarting it`);
}

/** Settings that were not put back: the survivor's own, or those that another member has. */
function templateBefore({ state, members }: View, survivor: MemberRecord) {
  const had = [survivor, ...members.map(({ record }) => record)].map(({ template }) => template);
  const id = had.find((one) => one !== state.refusedTemplate);
  return id === undefined ? undefined : state.templates[id];
}

function recovered(state: PlanState, survivor: string): PlanState {
  const { recovery: _, restart: __, noQuorumSinceMs: ___, ...rest } = state;
  const members = state.members.map((record): MemberRecord => {
    if (record.name !== survivor) {
      return { ...record, phase: "leaving", because: "survived", isOut: true };
    }
    const { because: _, deadlineMs: __, progress: ___, ...kept } = record;
    return { ...kept, phase: "voter" };
  });
  return { ...rest, members, lost: false };
}
