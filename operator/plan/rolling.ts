// A new version, other options, other resources: members are restarted with the new template one at a time,
// those that do not serve first, the leader last. If the first does not come back, it is put back.
import { act, blocked, note, wait } from "#operator/plan/decide.ts";
import { joinPatienceMs } from "#operator/plan/life.ts";
import { heirOf, moveLeader } from "#operator/plan/membership.ts";
import type { Decision, PlanState, Template } from "#operator/plan/types.ts";
import {
  allServe,
  canPause,
  type MemberView,
  quorumOf,
  type View,
  votersOf,
  withRecord,
} from "#operator/plan/view.ts";

/** How long a member may take to serve again, where nothing else is said. */
export const restartPatienceMs = 10 * 60_000;

/** Stops a process that runs with another template than its record says; keepRunning starts it anew. */
function stopOutdated(view: View, member: MemberView): Decision | undefined {
  const { record, runs } = member;
  if (runs.kind !== "running" || runs.template === record.template) return undefined;
  if (!canPause(view, member)) {
    // Somebody went away since this was decided: it can be decided again when all serve.
    const { restart, ...rest } = view.state;
    const isKnown = rest.templates[runs.template] !== undefined;
    const template = isKnown ? runs.template : (restart?.from ?? record.template);
    const next = withRecord(rest, record.name, { template });
    return note(next, "UpdateWaits", `${record.name} is restarted once all others serve`);
  }
  const step = { kind: "stop", member: record.name } as const;
  return act(view.state, step, "Updating", `restarting ${record.name}`);
}

/** Ends the restart that is under way, one way or the other; undefined if there is none. */
export function finishRestart(view: View): Decision | undefined {
  const { state, wanted, nowMs } = view;
  const { restart } = state;
  if (restart === undefined) return undefined;
  const { restart: _, ...idle } = state;
  const member = view.members.find((one) => one.record.name === restart.name);
  if (member === undefined || member.isLost || member.record.phase !== "voter") {
    return note(idle, "Updating", `${restart.name} will not come back`);
  }
  const stop = stopOutdated(view, member);
  if (stop !== undefined) return stop;
  if (member.isHealthy) return note(idle, "Updated", `${restart.name} serves again`);
  const { id } = wanted.template;
  if (restart.to !== id && id !== state.refusedTemplate) {
    // What is wanted has changed meanwhile: perhaps it mends what keeps this one from coming back.
    return restartWith(view, member, wanted.template);
  }
  if (nowMs < restart.deadlineMs) {
    return wait(
      state,
      "Updating",
      `waiting for ${restart.name} to serve again`,
      restart.deadlineMs,
    );
  }
  const isFirst = view.members.every(
    ({ record }) => record.name === restart.name || record.template !== restart.to,
  );
  if (
    isFirst &&
    state.refusedTemplate !== restart.to &&
    state.templates[restart.from] !== undefined
  ) {
    const next: PlanState = {
      ...withRecord(state, restart.name, { template: restart.from }),
      refusedTemplate: restart.to,
      restart: {
        name: restart.name,
        from: restart.to,
        to: restart.from,
        deadlineMs: deadlineOf(view),
      },
    };
    return note(
      next,
      "UpdateFailed",
      `${restart.name} did not come back; it gets its old settings`,
    );
  }
  return blocked(
    state,
    "RestartFailed",
    `${restart.name} does not serve since it was restarted: see its log, then change the spec`,
  );
}

const deadlineOf = ({ wanted, nowMs }: View): number =>
  nowMs + (wanted.restartPatienceMs ?? restartPatienceMs);

function restartWith(view: View, member: MemberView, template: Template): Decision {
  const { state } = view;
  const { name, template: from } = member.record;
  const { refusedTemplate: _, ...rest } = withRecord(state, name, { template: template.id });
  const next: PlanState = {
    ...rest,
    templates: { ...state.templates, [template.id]: template },
    restart: { name, from, to: template.id, deadlineMs: deadlineOf(view) },
  };
  return note(next, "Updating", `${name} is restarted with what is wanted now`);
}

/** Restarts one that takes no part and has old settings, while the others have a quorum without it. */
export function mendIll(view: View): Decision | undefined {
  const { state, wanted } = view;
  const { id, version } = wanted.template;
  if (state.refusedTemplate === id) return undefined;
  const voters = votersOf(view);
  const serving = voters.filter((one) => one.isHealthy).length;
  if (serving < quorumOf(view.voterCount)) return undefined;
  const ill = voters.find(
    ({ record, runs, isAlive, isLost }) =>
      record.phase === "voter" &&
      !isAlive &&
      !isLost &&
      // A record that was adopted may say what is wanted of a process that was started before.
      (record.template !== id || (runs.kind === "running" && runs.template !== id)),
  );
  if (ill === undefined) return undefined;
  const from = state.templates[ill.record.template]?.version ?? "";
  return skipsMinor(from, version) ? undefined : restartWith(view, ill, wanted.template);
}

/** Begins the next restart; undefined if all are as wanted, or nothing may be disrupted now. */
export function roll(view: View): Decision | undefined {
  const { state, wanted } = view;
  const { id, version } = wanted.template;
  if (state.refusedTemplate === id) {
    return undefined;
  }
  const outdated = votersOf(view).filter(
    ({ record, runs }) =>
      record.phase === "voter" &&
      (record.template !== id || (runs.kind === "running" && runs.template !== record.template)),
  );
  if (outdated.length === 0) return undefined;
  for (const { record } of outdated) {
    const from = state.templates[record.template]?.version ?? "";
    if (!skipsMinor(from, version)) continue;
    return blocked(
      state,
      "VersionSkipsMinor",
      `${record.name} runs ${from}: set spec.version to a version at most one minor version away, ${version} is further`,
    );
  }
  if (!allServe(view)) return undefined;
  // With fewer than three a restart takes the quorum along: if more are wanted, they come first.
  if (view.voterCount < 3 && view.voterCount < wanted.replicas) return undefined;
  const next = outdated.find((one) => !one.isLeader) ?? outdated[0];
  if (next === undefined) return undefined;
  // Without volumes a restart is a loss and a replacement, which the others must outvote; who was replaced last
  // has to be there first.
  if (wanted.isEphemeral === true && view.voterCount < Math.max(3, wanted.replicas)) {
    if (view.voterCount !== wanted.replicas) return undefined;
    return blocked(
      state,
      "UpdateLosesData",
      `${next.record.name} would lose its data (spec.storage.ephemeral) and the others have no quorum without it: set spec.replicas to 3 or more`,
    );
  }
  if (next.isLeader) {
    const heir = heirOf(view, next);
    if (heir !== undefined) return moveLeader(state, next, heir);
  }
  return restartWith(view, next, wanted.template);
}

/**
 * A learner that does not hear the leader gets what is wanted now at once: it serves nobody, and what it was given may
 * be what keeps it from coming up. One that follows gets its vote first, for a restart as a voter can be taken back.
 */
export function mendJoining(view: View): Decision | undefined {
  const { state, wanted, nowMs } = view;
  const { id, version } = wanted.template;
  const member = view.members.find(({ record }) => record.phase === "joining");
  if (member === undefined || member.isLost) return undefined;
  const { record, runs, answer } = member;
  const { name, template } = record;
  if (answer !== undefined && answer.leaderId !== "") return undefined;
  const from = state.templates[template]?.version ?? "";
  if (template !== id && id !== state.refusedTemplate && !skipsMinor(from, version)) {
    const change = { template: id, deadlineMs: nowMs + joinPatienceMs };
    const next = {
      ...withRecord(state, name, change),
      templates: { ...state.templates, [id]: wanted.template },
    };
    return note(next, "ScalingUp", `${name} does not follow yet and gets what is wanted now`);
  }
  if (runs.kind !== "running" || runs.template === template) return undefined;
  return act(state, { kind: "stop", member: name }, "ScalingUp", `restarting ${name}`);
}

/**
 * Without a quorum, while it forms or after it counts as lost: members that do not answer get what is wanted
 * now, for what they were given may be what keeps them from coming up.
 */
export function mendSilent(view: View): Decision | undefined {
  const { state, wanted } = view;
  const { id, version } = wanted.template;
  if ((state.clusterId !== undefined && !state.lost) || id === state.refusedTemplate) {
    return undefined;
  }
  if (wanted.isEphemeral === true) return undefined;
  for (const { record, runs, answer, isLost } of view.members) {
    const { name, phase, template } = record;
    if (isLost || answer !== undefined || runs.kind !== "running") continue;
    if (template === id && runs.template === id) continue;
    if (phase !== "initial" && phase !== "voter") continue;
    if (skipsMinor(state.templates[template]?.version ?? "", version)) continue;
    const next = {
      ...withRecord(state, name, { template: id }),
      templates: { ...state.templates, [id]: wanted.template },
    };
    const message = `${name} does not answer and gets what is wanted now`;
    return act(next, { kind: "stop", member: name }, "Mending", message);
  }
  return undefined;
}

/** Whether going from one version to the other leaves out a minor one. */
export function skipsMinor(from: string, to: string): boolean {
  if (from === "" || to === "") return false;
  const [fromMajor = 0, fromMinor = 0] = from.split(".").map(Number);
  const [toMajor = 0, toMinor = 0] = to.split(".").map(Number);
  return fromMajor !== toMajor || Math.abs(fromMinor - toMinor) > 1;
}

/** Templates that no record and no restart speaks of any more are forgotten. */
export function forgetTemplates(state: PlanState, wantedId: string): PlanState {
  const used = new Set([wantedId, state.restart?.from, state.restart?.to]);
  for (const record of state.members) used.add(record.template);
  const kept = Object.entries(state.templates).filter(([id]) => used.has(id));
  if (kept.length === Object.keys(state.templates).length) return state;
  return { ...state, templates: Object.fromEntries(kept) };
}
