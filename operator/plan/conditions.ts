// The conditions of a cluster: what is so, why, and what to do about it. Pure.
import type { Decision, PlanInput } from "#operator/plan/types.ts";
import { viewOf, votersOf } from "#operator/plan/view.ts";

export interface Condition {
  readonly type: "Available" | "Progressing" | "Degraded" | "Paused" | "EvenSize";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

const condition = (
  type: Condition["type"],
  status: boolean,
  reason: string,
  message: string,
): Condition => ({ type, status: status ? "True" : "False", reason, message });

/** The conditions after `decision` was taken on `input`. */
export function conditionsOf(input: PlanInput, decision: Decision): readonly Condition[] {
  const { wanted, observed } = input;
  const { reason, state } = decision;
  const { word, message } = reason;
  const view = state === undefined ? undefined : viewOf(input, state);
  const voters = view === undefined ? [] : votersOf(view);
  const away = voters.filter((one) => !one.isHealthy).map((one) => one.record.name);
  const isBlocked = reason.kind === "blocked";
  const isMoving =
    reason.kind === "progress" || (reason.kind === "waiting" && word !== "MembersAway");

  const available =
    observed.membership === undefined
      ? condition("Available", false, word, message)
      : condition(
          "Available",
          true,
          "Quorum",
          `${voters.length - away.length} of ${voters.length} voters serve`,
        );
  const degraded = isBlocked
    ? condition("Degraded", true, word, message)
    : away.length > 0
      ? condition("Degraded", true, "MembersAway", `${away.join(", ")} does not serve: see its log`)
      : condition("Degraded", false, "AllServe", "nobody is missing");
  const isEven = wanted.replicas > 0 && wanted.replicas % 2 === 0;
  const evenMessage = isEven
    ? `${wanted.replicas} members bear no more losses than ${wanted.replicas - 1}: set replicas to ${wanted.replicas - 1} or ${wanted.replicas + 1}`
    : "the size is odd";
  return [
    available,
    condition("Progressing", isMoving && !wanted.paused, word, message),
    degraded,
    condition(
      "Paused",
      wanted.paused,
      wanted.paused ? "Paused" : "Running",
      wanted.paused ? "set spec.paused to false to go on" : "",
    ),
    condition("EvenSize", isEven, isEven ? "Even" : "Odd", evenMessage),
  ];
}
