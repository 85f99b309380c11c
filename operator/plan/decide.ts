// How rules say what they decide.
import type { Decision, PlanState, Reason, Step } from "#operator/plan/types.ts";

const reason = (kind: Reason["kind"], word: string, message: string): Reason => ({
  kind,
  word,
  message,
});

/** Does `step` after `state` is written. */
export function act(state: PlanState, step: Step, word: string, message: string): Decision {
  return { state, step, reason: reason("progress", word, message) };
}

/** Writes `state` and looks again. */
export function note(state: PlanState, word: string, message: string): Decision {
  return act(state, { kind: "note" }, word, message);
}

/** Nothing to do until something changes by itself. */
export function wait(
  state: PlanState | undefined,
  word: string,
  message: string,
  untilMs?: number,
): Decision {
  const step: Step = untilMs === undefined ? { kind: "wait" } : { kind: "wait", untilMs };
  return { state, step, reason: reason("waiting", word, message) };
}

/** Nothing to do until someone does what the message says. */
export function blocked(state: PlanState | undefined, word: string, message: string): Decision {
  return { state, step: { kind: "wait" }, reason: reason("blocked", word, message) };
}

export function steady(state: PlanState, word: string, message: string): Decision {
  return { state, step: { kind: "wait" }, reason: reason("steady", word, message) };
}
