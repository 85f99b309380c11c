// A cluster that serves and what is changed about it, in few words, for tables of what the plan decides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionsOf } from "#operator/plan/conditions.ts";
import { plan } from "#operator/plan/plan.ts";
import type {
  Addresses,
  Answer,
  Bootstrap,
  MemberRecord,
  Membership,
  Observed,
  ObservedMember,
  ObservedRegistry,
  ObservedTrust,
  PlanState,
  Template,
  Wanted,
} from "#operator/plan/types.ts";

const addresses: Addresses = (serial) => ({
  peerUrl: `http://p${serial}`,
  clientUrl: `http://c${serial}`,
});
export const t1: Template = { id: "t1", version: "0.2.0", content: {} };
export const t2: Template = { id: "t2", version: "0.3.0", content: {} };

/** A cluster of `size` that serves, member 1 leading, and what is changed about it. */
export interface Case {
  readonly size?: number;
  readonly wanted?: Partial<Wanted>;
  readonly state?: Partial<PlanState>;
  readonly record?: Readonly<Record<number, Partial<MemberRecord>>>;
  readonly seen?: Readonly<
    Record<number, Partial<ObservedMember> & { readonly silent?: true; readonly mute?: true }>
  >;
  readonly alarms?: Membership["alarms"];
  readonly learners?: readonly number[];
  /** By which URL the list has them, if not by that of their record. */
  readonly knownAs?: Readonly<Record<number, string>>;
  /** Serials that are not in the list. */
  readonly unlisted?: readonly number[];
  readonly noQuorum?: true;
  readonly strangers?: true;
  readonly registry?: ObservedRegistry;
  readonly records?: readonly string[];
  /** The operator makes them; good ones but for what is said here. */
  readonly certificates?: {
    readonly cas?: readonly string[];
    readonly ageMs?: number;
    readonly caEndsInMs?: number;
    readonly leafEndsInMs?: number;
    readonly by?: string;
    readonly leaves?: readonly number[];
    readonly request?: string;
    readonly unaware?: number;
    readonly stale?: number;
  };
}

export const nowMs = 1_000_000;
export const silent = { silent: true } as const;
/** It does not even say which certificates it has loaded. */
export const mute = { silent: true, mute: true } as const;
export const gone = { volume: "lost", runs: { kind: "absent" }, ...silent } as const;
export const ended = { runs: { kind: "absent" }, silent: true } as const;

/** A cluster that was never started, or not all of it. */
export function forming(bootstrap: Bootstrap, state: Partial<PlanState> = {}): Case {
  const record = { phase: "initial", started: false } as const;
  const started = { phase: "initial", started: true } as const;
  const others = state.abandoning ? started : record;
  return {
    wanted: { bootstrap },
    noQuorum: true,
    // Whoever has a process has been started; the first one has none.
    record: { 1: others, 2: started, 3: started },
    seen: { 1: ended, 2: silent, 3: silent },
    state: { clusterId: undefined, attempt: 1, ...state } as unknown as Partial<PlanState>,
  };
}

function certificatesOf(one: Case, serials: readonly number[]) {
  const { certificates } = one;
  if (certificates === undefined) return undefined;
  const { cas = ["a"], ageMs = 100_000, by = "a", leaves = serials } = certificates;
  const trust: ObservedTrust = {
    cas: cas.map((id) => ({
      id,
      sinceMs: nowMs - ageMs,
      notAfterMs: nowMs + (certificates.caEndsInMs ?? 10_000_000),
      request: "1",
    })),
    bundle: cas.join(),
    leaves: Object.fromEntries(
      leaves.map((serial) => [
        `c-${serial}`,
        {
          fingerprint: `leaf${serial}`,
          caId: by,
          notAfterMs: nowMs + (certificates.leafEndsInMs ?? 1_000_000),
        },
      ]),
    ),
  };
  const wanted = {
    validityMs: 1_000_000,
    renewBeforeMs: 1000,
    graceMs: 50_000,
    request: certificates.request ?? "1",
  };
  return { trust, wanted };
}

export function decide(one: Case) {
  const { size = 3, learners = [], unlisted = [] } = one;
  const serials = Array.from({ length: size }, (_, at) => at + 1);
  const certified = certificatesOf(one, serials);
  const wanted: Wanted = {
    name: "c",
    uid: "u",
    replicas: size,
    template: t1,
    paused: false,
    deleting: false,
    deletionPolicy: "Retain",
    confirm: undefined,
    quotaBytes: 100,
    ...(certified === undefined ? {} : { certificates: certified.wanted }),
    ...one.wanted,
  };
  const members = serials.map(
    (serial): MemberRecord => ({
      name: `c-${serial}`,
      serial,
      ...addresses(serial, new Set()),
      phase: learners.includes(serial) ? "joining" : "voter",
      template: "t1",
      started: true,
      // One that is about to join has no ID yet.
      ...(unlisted.includes(serial) && one.record?.[serial]?.phase === "joining"
        ? {}
        : { memberId: `m${serial}` }),
      ...one.record?.[serial],
    }),
  );
  const state: PlanState = {
    format: 1,
    uid: "u",
    token: "c/u",
    initialCluster: "",
    clusterId: "abc",
    serial: size,
    members,
    templates: { t1, [wanted.template.id]: wanted.template },
    asleep: false,
    lossGeneration: 0,
    lost: false,
    ...one.state,
  };
  const seen = serials.map((serial): ObservedMember => {
    const { silent, mute, ...change } = one.seen?.[serial] ?? {};
    const answer: Answer = {
      memberId: `m${serial}`,
      clusterId: "abc",
      leaderId: one.noQuorum ? "" : "m1",
      isLearner: learners.includes(serial),
      term: 2,
      index: 50_000,
      appliedIndex: 50_000,
      sizeBytes: 50,
      usedBytes: 50,
    };
    return {
      name: `c-${serial}`,
      volume: "present",
      runs: { kind: "running", template: "t1", forced: false },
      ...(silent ? {} : { answer }),
      ...(certified === undefined || mute ? {} : { loaded: loadedBy(one, serial) }),
      ...change,
    };
  });
  const membership: Membership = {
    clusterId: "abc",
    members: [
      ...serials
        .filter((serial) => !unlisted.includes(serial))
        .map((serial) => ({
          memberId: `m${serial}`,
          peerUrls: [one.knownAs?.[serial] ?? one.record?.[serial]?.peerUrl ?? `http://p${serial}`],
          isLearner: learners.includes(serial),
        })),
      ...(one.strangers ? [{ memberId: "x", peerUrls: ["http://x"], isLearner: false }] : []),
    ],
    alarms: one.alarms ?? [],
  };
  const observed: Observed = {
    members: seen,
    remnants: [],
    ...(one.noQuorum ? {} : { membership }),
    ...(certified === undefined ? {} : { trust: certified.trust }),
    ...(one.registry === undefined ? {} : { registry: one.registry }),
    ...(one.records === undefined ? {} : { records: one.records }),
  };
  const input = { wanted, state, observed, addresses, nowMs };
  const decision = plan(input);
  return { input, decision };
}

function loadedBy({ certificates }: Case, serial: number) {
  const cas = certificates?.unaware === serial ? ["a"] : (certificates?.cas ?? ["a"]);
  return { leaf: certificates?.stale === serial ? "old" : `leaf${serial}`, bundle: cas.join() };
}

/** A test for each row: kind of step, its member if any, and the reason. */
export function judge(table: readonly (readonly [string, Case, string])[]): void {
  for (const [what, one, want] of table) {
    test(`plan: ${what}`, () => {
      const { input, decision } = decide(one);
      const { step, reason } = decision;
      const member = "member" in step ? ` ${step.member}` : "";
      assert.equal(`${step.kind}${member} ${reason.word}`, want, reason.message);
      assert(reason.message.length > 5 || step.kind === "note");
      // What nothing was done about is left alone: no write while nothing changes.
      if (step.kind === "wait") assert.deepEqual(decision.state, input.state);
      if (reason.kind === "blocked") {
        const degraded = conditionsOf(input, decision).find((each) => each.type === "Degraded");
        assert.equal(degraded?.status, "True");
        assert.equal(degraded?.message, reason.message);
      }
    });
  }
}
