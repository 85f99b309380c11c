// Beginning and end of a cluster, sleep, and processes that should run: all that needs no quorum.
import { adopt } from "#operator/plan/adopt.ts";
import { beforeFirstStart, firstJoin } from "#operator/plan/bootstrap.ts";
import { act, blocked, note, steady, wait } from "#operator/plan/decide.ts";
import { certify } from "#operator/plan/rotation.ts";
import type {
  Decision,
  JoinInfo,
  MemberRecord,
  PlanInput,
  PlanState,
} from "#operator/plan/types.ts";
import { type MemberView, type View, withRecord } from "#operator/plan/view.ts";

/** The first state: the initial members are frozen before anything is made. */
export function begin(input: PlanInput): Decision {
  const { wanted, observed, addresses } = input;
  const adopted = adopt(input);
  if (adopted !== undefined) return adopted;
  if (observed.remnants.length > 0) {
    return blocked(
      undefined,
      "RemnantsFound",
      `there are ${observed.remnants.join(", ")} of a cluster ${wanted.name}, but no record of it: put its record back, or delete them to begin with an empty cluster`,
    );
  }
  if (wanted.replicas === 0) {
    const message = "there is nothing yet; replicas above 0 makes the cluster";
    return {
      state: undefined,
      step: { kind: "wait" },
      reason: { kind: "steady", word: "Hibernated", message },
    };
  }
  const taken = new Set<string>();
  const members: MemberRecord[] = [];
  // A restored cluster begins with its seed; the others join it.
  const { kind = "static" } = wanted.bootstrap ?? {};
  const count = kind === "restore" ? 1 : wanted.replicas;
  for (let serial = 1; serial <= count; serial++) {
    const place = addresses(serial, taken);
    taken.add(place.peerUrl);
    const name = `${wanted.name}-${serial}`;
    const template = wanted.template.id;
    members.push({ name, serial, ...place, phase: "initial", template, started: false });
  }
  const state: PlanState = {
    format: 1,
    uid: wanted.uid,
    token: `${wanted.name}/${wanted.uid}`,
    initialCluster: members.map((one) => `${one.name}=${one.peerUrl}`).join(","),
    serial: count,
    members,
    ...(kind.startsWith("discovery") ? { attempt: 1 } : {}),
    templates: { [wanted.template.id]: wanted.template },
    asleep: false,
    lossGeneration: 0,
    lost: false,
  };
  return note(
    state,
    "Beginning",
    `the first members are ${members.map((one) => one.name).join(", ")}`,
  );
}

/** Ends everything without asking etcd, for it goes as a whole. */
export function end(view: View): Decision {
  const { state, wanted } = view;
  for (const { record, runs } of view.members) {
    if (runs.kind === "running" || runs.kind === "ended") {
      return act(
        state,
        { kind: "stop", member: record.name },
        "Deleting",
        `stopping ${record.name}`,
      );
    }
  }
  if (view.members.some(({ runs }) => runs.kind !== "absent")) {
    return wait(state, "Deleting", "waiting for members to stop");
  }
  if (wanted.deletionPolicy === "Delete") {
    const left = view.members.find(({ volume }) => volume !== "absent");
    if (left !== undefined) {
      const { name } = left.record;
      return act(
        state,
        { kind: "delete-volume", member: name },
        "Deleting",
        `the volume of ${name}`,
      );
    }
  }
  return act(state, { kind: "release" }, "Deleted", "nothing is left to do");
}

/** Hibernation: every process ends, the data stays. Undefined: awake, and to stay so. */
export function sleep(view: View): Decision | undefined {
  const { state, wanted, nowMs } = view;
  if (wanted.replicas > 0) {
    if (!state.asleep) return undefined;
    const members = state.members.map((record) =>
      record.deadlineMs === undefined ? record : { ...record, deadlineMs: nowMs + joinPatienceMs },
    );
    return note({ ...state, members, asleep: false }, "Waking", "starting the members that slept");
  }
  if (wanted.isEphemeral === true && !state.asleep) {
    return blocked(
      state,
      "SleepLosesData",
      "without volumes (spec.storage.ephemeral) nothing would be left: set spec.replicas to 1 or more, or delete the cluster",
    );
  }
  if (!state.asleep) {
    const { restart: _, noQuorumSinceMs: __, ...rest } = state;
    return note({ ...rest, asleep: true }, "Hibernating", "stopping all members; the data stays");
  }
  for (const { record, runs } of view.members) {
    if (runs.kind === "running" || runs.kind === "ended") {
      return act(
        state,
        { kind: "stop", member: record.name },
        "Hibernating",
        `stopping ${record.name}`,
      );
    }
  }
  if (view.members.some(({ runs }) => runs.kind !== "absent")) {
    return wait(state, "Hibernating", "waiting for members to stop");
  }
  return steady(state, "Hibernated", "no member runs, the data stays; replicas above 0 wakes it");
}

/** How long a learner may make no progress. */
export const joinPatienceMs = 10 * 60_000;

/** How `member` finds the others; what is in its data counts more. */
function joinInfo(view: View, member: MemberView): JoinInfo {
  const { state, observed } = view;
  const { token } = state;
  if (state.clusterId === undefined && member.record.phase === "initial") return firstJoin(view);
  // Everyone in the list must be named; one without a record has only its URL.
  const listed = observed.membership?.members ?? [];
  const named = listed.flatMap((one) => {
    const own = view.members.find((each) => each.listed === one);
    const name = own?.record.name ?? `stranger-${one.memberId}`;
    return one.peerUrls.map((url) => `${name}=${url}`);
  });
  const initialCluster = named.length > 0 ? named.join(",") : state.initialCluster;
  return { state: "existing", initialCluster, token };
}

/** Whether this member's process ought to run. */
function shouldRun(view: View, { record, listed }: MemberView): boolean {
  switch (record.phase) {
    case "initial":
      return true;
    case "voter":
      // One that somebody took out of the list would end again and again.
      return view.observed.membership === undefined || listed !== undefined;
    case "joining":
      // Before it is in the list it would be turned away, and end.
      return listed !== undefined || (view.observed.membership === undefined && record.started);
    case "leaving":
      // As long as it has a vote, the others may need it.
      if (record.isOut === true || record.because !== "surplus") return false;
      return view.observed.membership === undefined || listed !== undefined;
  }
}

/** Makes volumes and processes that should be there; needs no quorum and takes nothing away. */
export function keepRunning(view: View): Decision | undefined {
  const { state } = view;
  for (const member of view.members) {
    const { record, volume, runs, isLost } = member;
    const { name } = record;
    if (!shouldRun(view, member) || isLost) continue;
    if (runs.kind === "ended") {
      return act(
        state,
        { kind: "stop", member: name },
        "Restarting",
        `${name} ended: clearing it away`,
      );
    }
    if (runs.kind !== "absent") continue;
    if (volume === "absent") {
      return act(
        state,
        { kind: "create-volume", member: name },
        "Creating",
        `a volume for ${name}`,
      );
    }
    const first = beforeFirstStart(view, member) ?? certify(view, member);
    if (first !== undefined) return first;
    const template = state.templates[record.template];
    if (template === undefined) continue;
    const step = {
      kind: "start",
      member: name,
      template,
      join: joinInfo(view, member),
      force: false,
    } as const;
    return act(withRecord(state, name, { started: true }), step, "Starting", `starting ${name}`);
  }
  return undefined;
}
