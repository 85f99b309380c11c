// TLS between members, switched on and off while they serve: all are restarted one at a time so that they serve
// both on their peer port, then the list of members gets their new URLs one after the other, and only then are they
// restarted without the old scheme. At any time everybody can dial whom the list names, under the URL that it names.
import { act, blocked, wait } from "#operator/plan/decide.ts";
import type {
  Addresses,
  Decision,
  PeerScheme,
  PlanInput,
  PlanState,
  WantedPeers,
} from "#operator/plan/types.ts";
import { allServe, type View } from "#operator/plan/view.ts";

const word = "SwitchingPeerTls";

export const schemeOfUrl = (url: string): PeerScheme =>
  url.startsWith("https:") ? "https" : "http";

const withScheme = (url: string, scheme: PeerScheme): string =>
  url.replace(/^https?:/, `${scheme}:`);

/**
 * What is to be next, on the way to what is wanted in the end: as long as one member is known by the other scheme, all
 * are to serve both, and whoever joins is known as the others are.
 */
export function nextGoal(input: PlanInput): PlanInput {
  const { wanted, state, observed } = input;
  const { peers } = wanted;
  if (peers === undefined) return input;
  const staying = state?.members.filter((one) => one.isOut !== true) ?? observed.mirrors ?? [];
  const isThere = staying.every((one) => schemeOfUrl(one.peerUrl) === peers.scheme);
  const other = peers.scheme === "https" ? "http" : "https";
  const addresses = addressesBy(input.addresses, isThere ? peers.scheme : other);
  const kept = state === undefined ? state : keepTls(input, state, peers, isThere);
  const { bridge } = peers;
  if (isThere || bridge === undefined) return { ...input, state: kept, addresses };
  return { ...input, state: kept, addresses, wanted: { ...wanted, template: bridge } };
}

function addressesBy(addresses: Addresses, scheme: PeerScheme): Addresses {
  return (serial, taken) => {
    const place = addresses(serial, taken);
    return { ...place, peerUrl: withScheme(place.peerUrl, scheme) };
  };
}

/** Remembers what TLS is made of before anybody has it, and forgets it once nobody has. */
function keepTls(
  { wanted, observed }: PlanInput,
  state: PlanState,
  { tls }: WantedPeers,
  isThere: boolean,
): PlanState {
  if (tls !== undefined) return state.peerTls?.id === tls.id ? state : { ...state, peerTls: tls };
  if (state.peerTls === undefined) return state;
  const { id } = wanted.template;
  const isGone =
    isThere &&
    state.members.every((one) => one.template === id) &&
    observed.members.every(({ runs }) => runs.kind !== "running" || runs.template === id);
  if (!isGone) return state;
  const { peerTls: _, ...rest } = state;
  return rest;
}

/** Gives the next member its new URL, once all serve both; undefined: there is none, or it cannot be now. */
export function switchPeers(view: View): Decision | undefined {
  const { state, wanted, members } = view;
  const { peers } = wanted;
  if (peers?.bridge === undefined || wanted.template.id !== peers.bridge.id) return undefined;
  if (!allServe(view)) return undefined;
  const isOnBridge = members.every(
    ({ record, runs }) =>
      record.phase === "voter" &&
      record.template === wanted.template.id &&
      runs.kind === "running" &&
      runs.template === record.template,
  );
  if (!isOnBridge) return undefined;
  // Nobody is named by what does not answer: those who could not be reached would be lost with their next restart.
  for (const { record, seen } of members) {
    const { name } = record;
    if (seen?.peerPort === undefined) return wait(state, word, `asking ${name} at its peer port`);
    if (seen.peerPort.kind === "served") continue;
    const { message } = seen.peerPort;
    return blocked(
      state,
      "PeerPortRefuses",
      `${name} does not answer the other members by ${peers.scheme}: ${message}; mend it, or set spec.tls.peer as it was`,
    );
  }
  const next = members.find(({ record }) => schemeOfUrl(record.peerUrl) !== peers.scheme);
  if (next?.listed === undefined) return undefined;
  const { name } = next.record;
  const { memberId } = next.listed;
  const peerUrl = withScheme(next.record.peerUrl, peers.scheme);
  const step = { kind: "update-peer-url", member: name, memberId, peerUrl } as const;
  return act(state, step, word, `${name} is to be known as ${peerUrl}`);
}
