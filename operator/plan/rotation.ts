// Certificates that the operator makes: a CA for the cluster, a certificate for each member, both renewed in
// time without anybody being refused. Trust is widened first; when all members have loaded that, their
// certificates change one after the other; when all have loaded those, and after a time of grace for
// clients, trust is narrowed. Members load changed files without a restart and say which ones they have.
import { act, wait } from "#operator/plan/decide.ts";
import type { Decision, ObservedTrust } from "#operator/plan/types.ts";
import type { MemberView, View } from "#operator/plan/view.ts";

const word = "RotatingCertificates";

/** What a member needs before it starts: a CA, and a certificate of its own; undefined: it has them. */
export function certify(view: View, member: MemberView): Decision | undefined {
  const { state, wanted, observed } = view;
  if (wanted.certificates === undefined) return undefined;
  const { trust } = observed;
  if (trust === undefined) return wait(state, word, "the certificates cannot be read");
  if (trust.cas.length === 0) return act(state, addCa(view), "Certifying", "a CA for the cluster");
  const { name } = member.record;
  const leaf = trust.leaves[name];
  if (leaf !== undefined && trust.cas.some((one) => one.id === leaf.caId)) return undefined;
  // A CA that somebody has not loaded yet is no good: the one before it is known to all.
  const isKnown = view.members.every(
    ({ runs, seen }) => runs.kind !== "running" || seen?.loaded?.bundle === trust.bundle,
  );
  const ca = (isKnown ? undefined : trust.cas.at(-2)?.id) ?? trust.cas.at(-1)?.id ?? "";
  const step = { kind: "issue", member: name, ca } as const;
  return act(state, step, "Certifying", `a certificate for ${name}`);
}

const addCa = ({ wanted }: View) => {
  const request = wanted.certificates?.request;
  return request === undefined
    ? ({ kind: "add-ca" } as const)
    : ({ kind: "add-ca", request } as const);
};

/** The next step of a renewal; undefined if nothing ends soon. */
export function rotate(view: View): Decision | undefined {
  const { state, wanted, observed, nowMs } = view;
  const { certificates } = wanted;
  const { trust } = observed;
  const newest = trust?.cas.at(-1);
  if (certificates === undefined || trust === undefined || newest === undefined) return undefined;
  const { validityMs, renewBeforeMs, graceMs, request } = certificates;
  // No certificate outlives the CA that made it.
  const isEnding = newest.notAfterMs - nowMs < validityMs;
  const isAsked = request !== undefined && newest.request !== request;
  const running = view.members.filter(({ runs }) => runs.kind === "running");
  const unaware = running.find(({ seen }) => seen?.loaded?.bundle !== trust.bundle);
  const stale = running.find((one) => !hasOwnLeaf(one, trust));
  // One change after the other: whoever has not loaded the last one would not understand the next.
  if (unaware !== undefined || stale !== undefined) {
    const { name } = (unaware ?? stale ?? running[0])?.record ?? { name: "" };
    return wait(state, word, `waiting for ${name} to load its changed certificates`);
  }
  if (isEnding || isAsked) return act(state, addCa(view), word, "another CA is trusted too");
  const due = view.members.find(({ record }) => {
    const leaf = trust.leaves[record.name];
    if (leaf === undefined) return false;
    return leaf.caId !== newest.id || leaf.notAfterMs - nowMs < renewBeforeMs;
  });
  if (due !== undefined) {
    const { name } = due.record;
    const step = { kind: "issue", member: name, ca: newest.id } as const;
    return act(state, step, word, `another certificate for ${name}`);
  }
  if (trust.cas.length === 1 || nowMs - newest.sinceMs < graceMs) return undefined;
  return act(state, { kind: "drop-cas" }, word, "the old CA is no longer trusted");
}

function hasOwnLeaf({ record, seen }: MemberView, trust: ObservedTrust): boolean {
  const leaf = trust.leaves[record.name];
  return leaf === undefined || seen?.loaded?.leaf === leaf.fingerprint;
}
