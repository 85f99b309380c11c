// The plan: from what is wanted, latched and seen to the one thing to do now. Pure. Rules are asked in a
// fixed order, and the first that has something to say decides; the order is what makes disruptions come
// one at a time: end, pause, a recovery under way, sleep, processes, the list of members, corruption and
// lost data, members on their way out, a restart under way, full databases, members on their way in,
// updates, TLS between members, size. Whoever runs it writes the decided state before it acts, and looks again
// afterwards.
import { abandon } from "#operator/plan/bootstrap.ts";
import {
  comeBackBridged,
  nextClients,
  otherOrigin,
  switchClients,
} from "#operator/plan/client-switch.ts";
import { blocked, steady, wait } from "#operator/plan/decide.ts";
import { grow, refuseGrowth } from "#operator/plan/growth.ts";
import { begin, end, keepRunning, sleep } from "#operator/plan/life.ts";
import {
  findLost,
  finishJoining,
  finishLeaving,
  keepSurplus,
  latch,
  refuseReplacing,
  scale,
  waitForLeaving,
} from "#operator/plan/membership.ts";
import { nextGoal, switchPeers } from "#operator/plan/peer-switch.ts";
import { recover, withoutQuorum } from "#operator/plan/quorum-loss.ts";
import {
  finishRestart,
  forgetTemplates,
  mendIll,
  mendJoining,
  mendSilent,
  roll,
} from "#operator/plan/rolling.ts";
import { rotate } from "#operator/plan/rotation.ts";
import { clearStaleAlarms, makeRoom } from "#operator/plan/space.ts";
import type { Decision, PlanInput, PlanState } from "#operator/plan/types.ts";
import { allServe, type View, viewOf, votersOf } from "#operator/plan/view.ts";

/** What to do now. */
export function plan(asked: PlanInput): Decision {
  const input = comeBackBridged(nextGoal(nextClients(asked)));
  const { state, wanted, nowMs } = input;
  if (state === undefined) return planWithoutState(input);
  if (state.uid !== wanted.uid) {
    return blocked(
      state,
      "OtherCluster",
      `the record is of a cluster ${wanted.name} that was deleted (${state.uid}): remove it, and its volumes, or create this one under another name`,
    );
  }
  const decision = decide(viewOf(input, state));
  return latchStep(state, decision, wanted.template.id, nowMs);
}

function planWithoutState(input: PlanInput): Decision {
  const { wanted } = input;
  if (wanted.deleting) {
    const reason = { kind: "progress", word: "Deleted", message: "there was nothing yet" } as const;
    return { state: undefined, step: { kind: "release" }, reason };
  }
  if (wanted.paused) return wait(undefined, "Paused", "spec.paused is true");
  return begin(input);
}

function decide(view: View): Decision {
  const { state, wanted, observed } = view;
  if (wanted.deleting) return end(view);
  if (wanted.paused) return wait(state, "Paused", "nothing is touched while spec.paused is true");
  const { membership } = observed;
  return (
    recover(view) ??
    sleep(view) ??
    abandon(view) ??
    keepRunning(view) ??
    (membership === undefined
      ? leaderless(view)
      : (latch(view, membership) ??
        findLost(view) ??
        keepSurplus(view) ??
        finishLeaving(view) ??
        clearStaleAlarms(view, membership) ??
        unlessBlocked(finishRestart(view)) ??
        makeRoom(view, membership) ??
        finishRestart(view) ??
        mendJoining(view) ??
        finishJoining(view) ??
        mendIll(view) ??
        refuseReplacing(view) ??
        waitForLeaving(view) ??
        rotate(view) ??
        grow(view) ??
        roll(view) ??
        switchPeers(view) ??
        scale(view) ??
        switchClients(view) ??
        rest(view)))
  );
}

/** A restart of one or two members takes the quorum along; it must still come to its end. */
function leaderless(view: View): Decision {
  return (
    unlessBlocked(finishRestart(view)) ??
    mendSilent(view) ??
    unlessWaiting(rotate(view)) ??
    withoutQuorum(view)
  );
}

function unlessWaiting(decision: Decision | undefined): Decision | undefined {
  return decision?.step.kind === "wait" ? undefined : decision;
}

function unlessBlocked(decision: Decision | undefined): Decision | undefined {
  return decision?.reason.kind === "blocked" ? undefined : decision;
}

/** Nothing to do: all is well, or somebody is away whose data is there. */
function rest(view: View): Decision {
  const { state } = view;
  const away = votersOf(view).filter((one) => !one.isHealthy);
  if (!allServe(view)) {
    const names = away.map((one) => one.record.name).join(", ");
    return wait(
      state,
      "MembersAway",
      `${names} does not serve; its data is there, so it is waited for`,
    );
  }
  if (state.refusedTemplate === view.wanted.template.id) {
    return blocked(
      state,
      "UpdateFailed",
      "the first member did not come back with what spec says now and was put back: see its log, then change the spec",
    );
  }
  return (
    otherOrigin(view) ??
    refuseGrowth(view) ??
    steady(state, "Steady", "everything is as it should be")
  );
}

/** Latches what is being done and since when, and tidies up. A wait is no step. */
function latchStep(
  before: PlanState,
  decision: Decision,
  wantedId: string,
  nowMs: number,
): Decision {
  if (decision.state === undefined) return decision;
  const { step: was, ...rest } = forgetTemplates(decision.state, wantedId);
  const { step } = decision;
  if (step.kind === "wait") return { ...decision, state: rest };
  if (step.kind === "note") {
    return { ...decision, state: was === undefined ? rest : { ...rest, step: was } };
  }
  const member = "member" in step ? step.member : undefined;
  const isSame = before.step?.kind === step.kind && before.step.member === member;
  const sinceMs = isSame && before.step !== undefined ? before.step.sinceMs : nowMs;
  const latched = { kind: step.kind, ...(member === undefined ? {} : { member }), sinceMs };
  return { ...decision, state: { ...rest, step: latched } };
}
