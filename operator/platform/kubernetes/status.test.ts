import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberRecord, PlanState } from "#operator/plan/types.ts";
import { viewOf } from "#operator/plan/view.ts";
import { memberObjectStatus, mergeConditions } from "#operator/platform/kubernetes/status.ts";

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
  assert.deepEqual(
    view.members.map((one) => memberObjectStatus(state, one, objects)),
    [
      {
        phase: "Voter",
        clusterId: "cc",
        memberId: "aa",
        role: "unknown",
        ready: false,
        claimName: null,
        nodeName: null,
      },
    ],
  );
});
