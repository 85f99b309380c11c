import assert from "node:assert/strict";
import { test } from "node:test";
import { mirrorsOf } from "#operator/plan/adopt.ts";
import type { MemberRecord, PlanState } from "#operator/plan/types.ts";
import { viewOf } from "#operator/plan/view.ts";
import { memberObject } from "#operator/platform/kubernetes/objects.ts";
import {
  memberObjectStatus,
  mergeConditions,
  mirrorOf,
} from "#operator/platform/kubernetes/status.ts";

test("a condition keeps its time until its status changes, whatever its message says", () => {
  const old = [
    {
      type: "Available",
      status: "True",
      reason: "Quorum",
      message: "3 of 3",
      lastTransitionTime: "2026-01-01T00:00:00Z",
      observedGeneration: 1,
    },
  ] as const;
  const now = "2026-02-02T00:00:00Z";
  const merged = (status: "True" | "False", message: string) =>
    mergeConditions(old, [{ type: "Available", status, reason: "Quorum", message }], 2, now)[0];
  assert.equal(merged("True", "2 of 3")?.lastTransitionTime, "2026-01-01T00:00:00Z");
  assert.equal(merged("True", "2 of 3")?.message, "2 of 3");
  assert.equal(merged("False", "1 of 3")?.lastTransitionTime, now);
  assert.equal(merged("True", "x".repeat(9999))?.message.length, 4096);
});

test("an EtcdMember's status says what the cluster's record says of it", () => {
  const record: MemberRecord = {
    name: "a-1",
    serial: 1,
    peerUrl: "http://a-1:2380",
    clientUrl: "http://a-1:2379",
    phase: "voter",
    template: "t",
    started: true,
    memberId: "aa",
  };
  const state: PlanState = {
    format: 1,
    uid: "u",
    token: "t",
    initialCluster: "",
    clusterId: "cc",
    serial: 1,
    members: [record],
    templates: {},
    asleep: false,
    lossGeneration: 0,
    lost: false,
  };
  const template = { id: "t", version: "1.0.0", content: {} };
  const wanted = {
    name: "a",
    uid: "u",
    replicas: 1,
    template,
    paused: false,
    deleting: false,
    deletionPolicy: "Retain",
    confirm: undefined,
    quotaBytes: undefined,
  } as const;
  const addresses = () => record;
  const observed = { members: [], remnants: [] };
  const view = viewOf({ wanted, state, observed, addresses, nowMs: 0 }, state);
  const objects = { member: undefined, claim: undefined, pod: undefined };
  // Kept in an EtcdMember and read from there it is what the plan can make its record of again.
  const [mirrored] = view.members.map((one) => memberObjectStatus(state, one, objects));
  const identity = { name: "a", namespace: "ns", uid: "u" };
  const kept = { ...memberObject(identity, record, state), status: mirrored ?? {} };
  assert.deepEqual([mirrorOf(kept, record.clientUrl)], mirrorsOf(state));
  const { phase, started, clusterId, memberId } = mirrorOf({ ...kept, status: {} }, "");
  assert.deepEqual([phase, started, clusterId, memberId], ["initial", false, undefined, undefined]);
  assert.deepEqual(
    view.members.map((one) => memberObjectStatus(state, one, objects)),
    [
      {
        phase: "Voter",
        clusterId: "cc",
        memberId: "aa",
        started: true,
        highestSerial: 1,
        role: "unknown",
        ready: false,
        claimName: null,
        nodeName: null,
      },
    ],
  );
});
