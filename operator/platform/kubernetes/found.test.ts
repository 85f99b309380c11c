import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { MemberRecord, PlanState } from "#operator/plan/types.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import { find } from "#operator/platform/kubernetes/found.ts";
import type { Claim, KubeObject, MemberObject, Pod } from "#operator/platform/kubernetes/kinds.ts";
import { clusterOwner, memberLabels, memberOwner } from "#operator/platform/kubernetes/objects.ts";
import { objectsOf } from "#operator/platform/kubernetes/observe.ts";

const identity = { name: "a", namespace: "ns", uid: "u-a" };
const token = "a/u-a";
const labels = memberLabels(identity, "a-1");
const record = { name: "a-1" } as MemberRecord;
const state = { token, members: [record] } as unknown as PlanState;

type Bare = { readonly [K in "member" | "claim" | "pod"]?: boolean };

/** What a member has; `bare`: without their labels. */
function objects(bare: Bare = {}) {
  const of = (isBare: boolean | undefined) => (isBare === true ? { mine: "1" } : labels);
  const member = {
    metadata: {
      name: "a-1",
      uid: "12345678-1",
      creationTimestamp: "2026-11-30T09:00:00Z",
      labels: of(bare.member),
      ownerReferences: [clusterOwner(identity)],
    },
    spec: {},
  } as unknown as MemberObject;
  const claim: Claim = {
    metadata: {
      name: "a-1-12345678",
      creationTimestamp: "2026-11-30T09:00:01Z",
      labels: of(bare.claim),
      annotations: { "etcd-ts.dev/token": token },
    },
    spec: {},
  };
  const pod: Pod = {
    metadata: { name: "a-1", labels: of(bare.pod), ownerReferences: [memberOwner(member)] },
    spec: { containers: [] },
  };
  return { member, claim, pod };
}

function turnOf(there: Readonly<Record<string, readonly KubeObject[]>>, paused = false) {
  const patched: string[] = [];
  const hasLabels = ({ metadata }: KubeObject) =>
    metadata.labels?.["etcd-ts.dev/cluster-uid"] === identity.uid &&
    metadata.labels["etcd-ts.dev/cluster"] === identity.name;
  const api = {
    list: async ({ plural }: { plural: string }) => ({
      items: (there[plural] ?? []).filter(hasLabels),
    }),
    find: async ({ plural }: { plural: string }, _: string, name: string) =>
      there[plural]?.find((one) => one.metadata.name === name),
    patch: async ({ plural }: { plural: string }, _: string, name: string, change: object) => {
      assert.deepEqual(change, { metadata: { labels: { mine: "1", ...labels } } });
      patched.push(`${plural}/${name}`);
    },
  };
  const turn = {
    api,
    identity,
    cluster: { spec: { paused } } as EtcdCluster,
    nowMs: () => 0,
    write: <T>(write: () => Promise<T>) => write(),
  } as unknown as ClusterTurn;
  return { turn, patched };
}

const plural = { member: "etcdmembers", claim: "persistentvolumeclaims", pod: "pods" } as const;

for (const bare of [
  {},
  { member: true },
  { claim: true },
  { pod: true },
  { member: true, claim: true, pod: true },
] as const) {
  const kinds = Object.keys(bare).sort() as (keyof Bare)[];
  const all = objects(bare);
  const there = {
    etcdmembers: [all.member],
    persistentvolumeclaims: [all.claim],
    pods: [all.pod],
  };
  test(`what is found of a member without labels on: ${kinds.join(", ") || "none"}`, async () => {
    const { turn, patched } = turnOf(there);
    const is = objectsOf(await find(turn, state), "a-1");
    for (const kind of ["member", "claim", "pod"] as const) {
      assert.equal(is[kind]?.metadata.name, all[kind].metadata.name);
      assert.equal(is[kind]?.metadata.labels?.["etcd-ts.dev/member"], "a-1");
    }
    const wanted = kinds.map((kind) => `${plural[kind]}/${all[kind].metadata.name}`);
    assert.deepEqual(patched.sort(), wanted.sort());
    // Paused it is seen all the same, and not touched.
    const paused = turnOf(there, true);
    assert.notEqual(objectsOf(await find(paused.turn, state), "a-1").claim, undefined);
    assert.deepEqual(paused.patched, []);
  });
}

test("what is somebody else's under a member's name is not taken", async () => {
  const { member, claim, pod } = objects({ claim: true, pod: true });
  const { turn, patched } = turnOf({
    etcdmembers: [member],
    persistentvolumeclaims: [{ ...claim, metadata: { ...claim.metadata, annotations: {} } }],
    pods: [{ ...pod, metadata: { ...pod.metadata, ownerReferences: [] } } as Pod],
  });
  const is = objectsOf(await find(turn, state), "a-1");
  assert.deepEqual([is.claim, is.pod, patched], [undefined, undefined, []]);
});

test("a copy of a claim with its labels is never a member's", () => {
  const { member, claim, pod } = objects();
  const copy = (name: string, creationTimestamp: string): Claim => ({
    ...claim,
    metadata: { ...claim.metadata, name, creationTimestamp },
  });
  const later = copy("a-0-copy", "2026-11-30T10:00:00Z");
  const claimIn = (claims: readonly Claim[], one: MemberObject | undefined = member) =>
    objectsOf({ members: one === undefined ? [] : [one], claims, pods: [pod] }, "a-1").claim
      ?.metadata.name;
  assert.equal(claimIn([later, claim]), claim.metadata.name);
  assert.equal(claimIn([copy("a-0-copy", "2026-11-30T08:00:00Z"), claim]), claim.metadata.name);
  assert.equal(claimIn([later]), undefined, "what was deleted is lost, copy or not");
  // The EtcdMember was deleted by hand, and made again.
  const again = {
    ...member,
    metadata: { ...member.metadata, uid: "87654321", creationTimestamp: "2026-11-30T11:00:00Z" },
  };
  assert.equal(claimIn([later, claim], again), claim.metadata.name);
  assert.equal(objectsOf({ members: [], claims: [later, claim], pods: [] }, "a-1").claim, claim);
});
