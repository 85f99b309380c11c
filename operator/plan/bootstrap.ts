// The first start of a cluster: how its members find each other, the token of a discovery service, the
// restore of a seed. Each way is used once; whoever joins later is told of all others.
import { act, blocked, note, wait } from "#operator/plan/decide.ts";
import type {
  Decision,
  Find,
  JoinInfo,
  MemberRecord,
  PlanState,
  Wanted,
} from "#operator/plan/types.ts";
import type { MemberView, View } from "#operator/plan/view.ts";

const findOf = ({ wanted, state }: View): Find | undefined => findIn(wanted, state);

/** How the members of a cluster that is not formed yet find each other; undefined: they are told. */
export function findIn(wanted: Wanted, state: PlanState): Find | undefined {
  const { bootstrap } = wanted;
  const token = givenToken(wanted) ?? `${state.uid}-${state.attempt ?? 1}`;
  switch (bootstrap?.kind) {
    case "discovery":
      return { kind: "discovery", url: `${bootstrap.url.replace(/\/+$/, "")}/${token}` };
    case "discovery-v3":
      return { kind: "discovery-v3", endpoints: bootstrap.endpoints, token };
    case "dns":
      return { kind: "dns", domain: bootstrap.domain, size: state.members.length };
    default:
      return undefined;
  }
}

/** A token that somebody made, for one attempt; undefined: the operator makes one for each. */
function givenToken({ bootstrap }: Wanted): string | undefined {
  const isFound = bootstrap?.kind === "discovery" || bootstrap?.kind === "discovery-v3";
  return isFound ? bootstrap.token : undefined;
}

/** How a first member begins. */
export function firstJoin(view: View): JoinInfo {
  const { initialCluster, token } = view.state;
  const find = findOf(view);
  if (find === undefined) return { state: "new", initialCluster, token };
  return { state: "new", initialCluster: "", token, find };
}

/** What must be before a first member is started the first time; undefined: it may start. */
export function beforeFirstStart(view: View, member: MemberView): Decision | undefined {
  const { state, wanted } = view;
  const { record } = member;
  if (state.clusterId !== undefined || record.phase !== "initial" || record.started) {
    return undefined;
  }
  if (wanted.bootstrap?.kind === "restore") return restoreSeed(view, member);
  const find = findOf(view);
  if (find === undefined) return undefined;
  return find.kind === "dns" ? checkRecords(view, find) : openRegistry(view, find);
}

/**
 * Records that are not ours: one for each member, before anybody looks, and under the very name that it has here, for
 * by that it is known in the list of members.
 */
function checkRecords(
  { state, wanted, observed }: View,
  { domain }: Extract<Find, { kind: "dns" }>,
): Decision | undefined {
  if (wanted.bootstrap?.kind !== "dns" || wanted.bootstrap.isOutside !== true) return undefined;
  const records = observed.records?.map((one) => one.toLowerCase());
  const targets = state.members.map((one) => one.peerUrl.replace(/^https?:\/\//, ""));
  const missing = targets.filter((one) => records?.includes(one) !== true);
  const strange = (records ?? []).filter((one) => !targets.includes(one));
  if (missing.length === 0 && strange.length === 0) return undefined;
  const troubles = [
    ...(records === undefined ? ["cannot be looked up"] : []),
    ...(records !== undefined && missing.length > 0 ? [`do not name ${missing.join(", ")}`] : []),
    ...(strange.length > 0 ? [`name ${strange.join(", ")}, which is no member of this`] : []),
  ];
  return blocked(
    state,
    "DnsRecords",
    `the SRV records of ${domain} ${troubles.join(" and ")}: make ${targets.length}, one for each of ${targets.join(", ")}`,
  );
}

function restoreSeed(view: View, member: MemberView): Decision | undefined {
  const { state, wanted } = view;
  const { name } = member.record;
  const restored = member.seen?.restored;
  if (wanted.bootstrap?.kind !== "restore" || restored?.kind === "done") return undefined;
  if (restored?.kind === "running") {
    return wait(state, "Restoring", `waiting for the snapshot to be restored into ${name}`);
  }
  if (restored?.kind === "failed") {
    return blocked(
      state,
      "RestoreFailed",
      `${restored.message}: delete this object and create it again with a snapshot that can be restored`,
    );
  }
  const { source } = wanted.bootstrap;
  const step = { kind: "restore", member: name, join: firstJoin(view), source } as const;
  return act(state, step, "Restoring", `restoring the snapshot into ${name}`);
}

function openRegistry(view: View, find: Find): Decision | undefined {
  const { state, observed, wanted } = view;
  const { registry } = observed;
  const given = givenToken(wanted);
  const size = state.members.length;
  if (registry === undefined) {
    const { registryTrouble: trouble = "nothing is known" } = observed;
    return wait(
      state,
      "DiscoveryAway",
      `the discovery service of spec.bootstrap does not answer: ${trouble}`,
    );
  }
  if (given !== undefined && (registry.size === undefined || isTaken(view, registry.registered))) {
    const is =
      registry.size === undefined
        ? "is not there"
        : `is in use, ${registry.registered} members have registered`;
    return blocked(
      state,
      "DiscoveryTaken",
      `the token ${given} ${is}: delete this object and create it again with a token made for ${size} members`,
    );
  }
  if (registry.size === undefined) {
    const step = { kind: "open-registry", find, size } as const;
    return act(state, step, "OpeningDiscovery", `a token for ${size} members`);
  }
  if (registry.size === size) return undefined;
  return blocked(
    state,
    "DiscoveryTaken",
    `the token ${given ?? `${state.uid}-${state.attempt}`} is for ${registry.size} members, not ${size}: delete this object and create it again`,
  );
}

/** Whether others have registered: more than those of ours that were started can have. */
function isTaken(view: View, registered: number): boolean {
  return registered > view.members.filter(({ record }) => record.started).length;
}

/**
 * With a discovery service a member whose volume is lost cannot register again. If the token is not
 * complete, nobody can have formed a cluster with it: all is stopped, and if that is still so, which
 * nobody can change any more, another attempt begins. Undefined: nothing of that kind.
 */
export function abandon(view: View): Decision | undefined {
  const { state, observed } = view;
  if (state.attempt === undefined || state.clusterId !== undefined) return undefined;
  const { registry } = observed;
  const isSeen = view.members.some(({ answer }) => answer !== undefined);
  const isComplete = registry !== undefined && registry.registered >= state.members.length;
  if (state.abandoning === undefined) {
    const lost = view.members.find((one) => one.isLost);
    if (lost === undefined || isSeen || registry === undefined || isComplete) return undefined;
    const { name } = lost.record;
    const given = givenToken(view.wanted);
    if (given !== undefined) {
      return blocked(
        state,
        "DiscoveryTaken",
        `${name} lost its data before the cluster was formed, and the token ${given} was for one attempt: delete this object and create it again with another token`,
      );
    }
    const message = `${name} lost its data before the cluster was formed: all begins again`;
    return note({ ...state, abandoning: true }, "Abandoning", message);
  }
  const word = "Abandoning";
  if (isSeen || isComplete) {
    const { abandoning: _, ...rest } = state;
    return note(rest, "Forming", "all had registered, so the cluster may be formed: it goes on");
  }
  for (const { record, runs } of view.members) {
    if (runs.kind !== "running" && runs.kind !== "ended") continue;
    return act(state, { kind: "stop", member: record.name }, word, `stopping ${record.name}`);
  }
  if (view.members.some(({ runs }) => runs.kind !== "absent")) {
    return wait(state, word, "waiting for members to stop");
  }
  if (registry === undefined) return wait(state, word, "the discovery service does not answer");
  const left = view.members.find(({ volume }) => volume !== "absent");
  if (left !== undefined) {
    const { name } = left.record;
    return act(state, { kind: "delete-volume", member: name }, word, `the volume of ${name}`);
  }
  return note(nextAttempt(view), "Beginning", "another attempt, with another token");
}

function nextAttempt(view: View): PlanState {
  const { addresses, wanted } = view;
  const { abandoning: _, ...state } = view.state;
  const taken = new Set<string>();
  let { serial } = state;
  const members = state.members.map((): MemberRecord => {
    serial++;
    const place = addresses(serial, taken);
    taken.add(place.peerUrl);
    const name = `${wanted.name}-${serial}`;
    const template = wanted.template.id;
    return { name, serial, ...place, phase: "initial", template, started: false };
  });
  const initialCluster = members.map((one) => `${one.name}=${one.peerUrl}`).join(",");
  const attempt = (state.attempt ?? 1) + 1;
  const templates = { ...state.templates, [wanted.template.id]: wanted.template };
  return { ...state, serial, members, initialCluster, attempt, templates };
}
