// TLS for clients, switched on and off by way of serving both. A manifest may be changed again before all members are
// as it said: then there may be no scheme that all serve, and members are first restarted so that they serve both. At
// any time there is one scheme by which a client reaches every member, but while certificates come from elsewhere.
import { blocked, wait } from "#operator/plan/decide.ts";
import type {
  Decision,
  MemberRecord,
  ObservedMember,
  PeerScheme,
  PlanInput,
  PlanState,
  WantedClients,
} from "#operator/plan/types.ts";
import { allServe, type View } from "#operator/plan/view.ts";

/** What is to be next: as long as a member does not serve the scheme that is wanted in the end, all are to serve both. */
export function nextClients(input: PlanInput): PlanInput {
  const { wanted, observed, nowMs } = input;
  const { clients, template, peers } = wanted;
  if (clients === undefined || input.state === undefined) return input;
  const served = servedSchemes(input.state, observed.members, clients, template.id);
  const state = keepTls(input.state, clients, served);
  const schemes = clients.schemes[template.id] ?? [];
  const [bridged, isBridged] = bridge(state, clients, schemes, served, nowMs);
  if (!isBridged) return { ...input, state: bridged };
  const goal = {
    ...wanted,
    template: clients.bridge,
    ...(peers === undefined || clients.peersBridge === undefined
      ? {}
      : { peers: { ...peers, bridge: clients.peersBridge } }),
  };
  return { ...input, state: bridged, wanted: goal };
}

/**
 * Whoever runs with other settings than its record says, as after the record was lost, or does not run at all, is to
 * come back with what serves both, not with what it was to have in the end. `input` is what is to be next.
 */
export function comeBackBridged(input: PlanInput): PlanInput {
  const { state, wanted, observed } = input;
  const { template, clients } = wanted;
  if (state?.clientBridge === undefined || clients === undefined) return input;
  const servesBoth = (id: string) => clients.schemes[id]?.length === 2;
  if (!servesBoth(template.id) || state.refusedTemplate === template.id) return input;
  const runsAsRecorded = ({ name, template: id }: MemberRecord) =>
    observed.members.some(
      ({ name: its, runs }) => its === name && runs.kind === "running" && runs.template === id,
    );
  const isFree = (record: MemberRecord) =>
    record.isOut !== true &&
    record.name !== state.restart?.name &&
    !servesBoth(record.template) &&
    state.templates[record.template]?.version === template.version &&
    !runsAsRecorded(record);
  if (!state.members.some(isFree)) return input;
  const members = state.members.map((one) =>
    isFree(one) ? { ...one, template: template.id } : one,
  );
  const templates = { ...state.templates, [template.id]: template };
  return { ...input, state: { ...state, members, templates } };
}

/** Whether both are to be served for now, with since when that is so, or how long. */
function bridge(
  state: PlanState,
  { graceMs }: WantedClients,
  [scheme, another]: readonly PeerScheme[],
  served: readonly (readonly PeerScheme[])[],
  nowMs: number,
): readonly [PlanState, boolean] {
  const { clientBridge: is, ...rest } = state;
  const direct = [is === undefined ? state : rest, false] as const;
  if (scheme === undefined || another !== undefined) return direct;
  const all = (one: PeerScheme) => served.every((schemes) => schemes.includes(one));
  if (!all(scheme)) {
    const isNoted = is !== undefined && is.untilMs === undefined;
    return [isNoted ? state : { ...rest, clientBridge: {} }, true];
  }
  // Applications are told of plain text not before TLS is given up, and so of TLS where nobody waited for all to have it.
  const isNews = scheme === "http" ? all("https") && graceMs > 0 : is !== undefined;
  if (!isNews) return direct;
  const untilMs = is?.untilMs ?? nowMs + graceMs;
  if (nowMs >= untilMs && scheme === "https") return direct;
  return [
    is?.untilMs === untilMs ? state : { ...rest, clientBridge: { untilMs } },
    nowMs < untilMs,
  ];
}

/** What each member serves now, what it would serve if it were started now, and what it may be put back to. */
function servedSchemes(
  { members, restart }: PlanState,
  observed: readonly ObservedMember[],
  { schemes }: WantedClients,
  wantedId: string,
): readonly (readonly PeerScheme[])[] {
  // Of a template that nobody knows any more nothing is held against what is wanted.
  const by = (id: string) => schemes[id] ?? schemes[wantedId] ?? [];
  const staying = members.filter((one) => one.isOut !== true);
  const names = new Set(staying.map((one) => one.name));
  return [
    ...staying.map((one) => by(one.template)),
    ...observed.flatMap(({ name, runs, clientSchemes }) =>
      names.has(name) && runs.kind === "running" ? [clientSchemes ?? by(runs.template)] : [],
    ),
    ...(restart === undefined ? [] : [by(restart.from)]),
  ];
}

/** Remembers what TLS is made of before anybody has it, and forgets it once nobody has. */
function keepTls(
  state: PlanState,
  { tls }: WantedClients,
  served: readonly (readonly PeerScheme[])[],
): PlanState {
  if (tls !== undefined) {
    return state.clientTls?.id === tls.id ? state : { ...state, clientTls: tls };
  }
  if (state.clientTls === undefined) return state;
  if (served.some((schemes) => schemes.includes("https"))) return state;
  const { clientTls: _, ...rest } = state;
  return rest;
}

/** Both are served, and applications have the time to notice; undefined: that is over, or was not needed. */
export function switchClients(view: View): Decision | undefined {
  const { state, wanted, nowMs } = view;
  const untilMs = state.clientBridge?.untilMs;
  if (untilMs === undefined || untilMs <= nowMs) return undefined;
  if (state.refusedTemplate === wanted.template.id) return undefined;
  if (!allServe(view)) return undefined;
  const message =
    "members serve clients both plain text and TLS until applications have read the Secret again";
  return wait(state, "SwitchingClientTls", message, untilMs);
}

/** Says what to do where another origin of certificates must not follow the one that is there. */
export function otherOrigin({ state, wanted }: View): Decision | undefined {
  const message = wanted.clients?.otherOrigin?.message;
  return message === undefined ? undefined : blocked(state, "OtherCertificates", message);
}
