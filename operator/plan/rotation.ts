// Certificates that the operator makes: a CA for the cluster, a certificate for each member, both renewed in
// time without anybody being refused. Trust is widened first; when all members have loaded that, and after a time
// of grace for clients, their certificates change one after the other; when all have loaded those, and after the
// same time again, trust is narrowed. Members load changed files without a restart and say which ones they have.
import { act, wait } from "#operator/plan/decide.ts";
import type { Decision, ObservedTrust, WantedCertificates } from "#operator/plan/types.ts";
import type { MemberView, View } from "#operator/plan/view.ts";

const word = "RotatingCertificates";
/** Certificates say when they end to the second. */
const clockMs = 1000;

/** What a member needs before it starts: a CA, and a certificate of its own; undefined: it has them. */
export function certify(view: View, member: MemberView): Decision | undefined {
  const { state, wanted, observed, nowMs } = view;
  if (wanted.certificates === undefined) return undefined;
  const { trust } = observed;
  if (trust === undefined) return wait(state, word, "the certificates cannot be read");
  const newest = trust.cas.at(-1);
  if (newest === undefined || newest.notAfterMs <= nowMs) {
    return act(state, addCa(view), "Certifying", "a CA for the cluster");
  }
  const { name } = member.record;
  const leaf = trust.leaves[name];
  const isTrusted = trust.cas.some((one) => one.id === leaf?.caId);
  // One that ended while all slept would keep it from being heard.
  if (leaf !== undefined && isTrusted && leaf.notAfterMs > nowMs) return undefined;
  // A CA that somebody has not loaded yet is no good.
  const isKnown = view.members.every(
    ({ runs, seen }) => runs.kind !== "running" || seen?.loaded?.bundle === trust.bundle,
  );
  const by = signer(view, trust, newest, isKnown);
  const step = { kind: "issue", member: name, ca: by.id } as const;
  return act(state, step, "Certifying", `a certificate for ${name}`);
}

/**
 * The CA to sign with: the newest that everybody had the time to get to know, else the one that is known longest.
 * `isKnown`: all members that run have loaded the newest.
 */
function signer(
  { wanted, nowMs }: View,
  trust: ObservedTrust,
  newest: ObservedTrust["cas"][number],
  isKnown: boolean,
): ObservedTrust["cas"][number] {
  const graceMs = wanted.certificates?.graceMs ?? 0;
  // One that ends any moment helps nobody.
  const able = trust.cas.filter((one) => one.notAfterMs - nowMs > graceMs / 10);
  const known = able.filter((one) => nowMs - one.sinceMs >= graceMs && (isKnown || one !== newest));
  return known.at(-1) ?? able[0] ?? newest;
}

const addCa = ({ wanted }: View) => {
  const request = wanted.certificates?.request;
  return request === undefined
    ? ({ kind: "add-ca" } as const)
    : ({ kind: "add-ca", request } as const);
};

/** The next step of a renewal; undefined if nothing ends soon. */
export function rotate(view: View): Decision | undefined {
  const { state, wanted, observed } = view;
  const { certificates } = wanted;
  const { trust } = observed;
  const newest = trust?.cas.at(-1);
  if (certificates === undefined || trust === undefined || newest === undefined) return undefined;
  const next = nextStep(view, certificates, trust);
  const running = view.members.filter(({ runs }) => runs.kind === "running");
  // Whoever says nothing may have loaded anything: it counts only before a change, and as long as there is time.
  const counted = running.filter(({ seen }) =>
    seen?.loaded === undefined ? next !== undefined && !next.isUrgent : true,
  );
  const unaware = counted.find(({ seen }) => seen?.loaded?.bundle !== trust.bundle);
  const stale = counted.find((one) => !hasOwnLeaf(one, trust));
  // One change after the other: whoever has not loaded the last one would not understand the next.
  if (unaware !== undefined || stale !== undefined) {
    const { name } = (unaware ?? stale)!.record;
    return wait(state, word, `waiting for ${name} to load its changed certificates`);
  }
  return next?.decision;
}

interface Next {
  readonly decision: Decision;
  /** What it renews has ended, or is about to: members that say nothing are not waited for. */
  readonly isUrgent: boolean;
}

function nextStep(
  view: View,
  { validityMs, renewBeforeMs, graceMs, request }: WantedCertificates,
  trust: ObservedTrust,
): Next | undefined {
  const { state, nowMs } = view;
  const newest = trust.cas.at(-1)!;
  const isAsked = request !== undefined && newest.request !== request;
  // No certificate outlives the CA that made it.
  const leftMs = newest.notAfterMs - nowMs;
  if (leftMs < validityMs || isAsked) {
    const decision = act(state, addCa(view), word, "another CA is trusted too");
    return { decision, isUrgent: leftMs < validityMs / 2 };
  }
  const ageMs = nowMs - newest.sinceMs;
  const by = signer(view, trust, newest, true);
  for (const { record, runs } of view.members) {
    const { name } = record;
    const leaf = trust.leaves[name];
    // One that does not run gets what it has not before it starts.
    if (record.isOut === true || (leaf === undefined && runs.kind !== "running")) continue;
    const leafLeftMs = (leaf?.notAfterMs ?? 0) - nowMs;
    // Clients, too, must have got to know a CA before they meet a certificate of it.
    const isOfOldCa = leaf?.caId !== newest.id && ageMs >= graceMs;
    // Another one by a CA that ends soon would end no later.
    const isLongest = leaf?.caId === by.id && leafLeftMs >= by.notAfterMs - nowMs - clockMs;
    if (!isOfOldCa && (leafLeftMs >= renewBeforeMs || isLongest)) continue;
    const step = { kind: "issue", member: name, ca: by.id } as const;
    const decision = act(state, step, word, `another certificate for ${name}`);
    return { decision, isUrgent: leafLeftMs < renewBeforeMs / 2 };
  }
  // Whoever shows a certificate of the old CA has the same time again to get another.
  if (trust.cas.length === 1 || ageMs < 2 * graceMs) return undefined;
  const decision = act(state, { kind: "drop-cas" }, word, "the old CA is no longer trusted");
  return { decision, isUrgent: false };
}

function hasOwnLeaf({ record, seen }: MemberView, trust: ObservedTrust): boolean {
  const leaf = trust.leaves[record.name];
  return leaf === undefined || seen?.loaded?.leaf === leaf.fingerprint;
}
