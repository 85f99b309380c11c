import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  clusterIdOf,
  confStateOf,
  initialCluster,
  initialEntries,
  memberIdOf,
} from "#server/membership/bootstrap-ids.ts";

const sha1 = (bytes: Uint8Array): Uint8Array => createHash("sha1").update(bytes).digest();

test("a lone default member has the IDs that etcd gives it", () => {
  const { clusterId, members } = initialCluster(
    new Map([["default", ["http://localhost:2380"]]]),
    "etcd-cluster",
    sha1,
  );
  assert.equal(clusterId, 0xcdf818194e3a8c32n);
  assert.equal(members[0]!.id, 0x8e9e05c52164694dn);
});

test("three members have the IDs that etcd gives them, in whatever order they are named", () => {
  const urls: readonly (readonly [string, readonly string[]])[] = [
    ["infra3", ["http://127.0.0.1:32380"]],
    ["infra1", ["http://127.0.0.1:12380"]],
    ["infra2", ["http://127.0.0.1:22380"]],
  ];
  const { clusterId, members } = initialCluster(new Map(urls), "etcd-cluster-1", sha1);
  assert.equal(clusterId, 0xef37ad9dc622a7c4n);
  assert.deepEqual(
    members.map((one) => [one.id, one.name]),
    [
      [0x8211f1d0f64f3269n, "infra1"],
      [0x91bc3c398fb3c146n, "infra2"],
      [0xfd422379fda50e48n, "infra3"],
    ],
  );
  assert.deepEqual(
    confStateOf(members).voters,
    members.map((one) => one.id),
  );
  assert.equal(clusterIdOf(members.map((one) => one.id).reverse(), sha1), clusterId);
});

test("a member's ID hashes sorted URLs, then the token, then the time of its addition", () => {
  const seen: string[] = [];
  const record = (bytes: Uint8Array): Uint8Array => {
    seen.push(Buffer.from(bytes).toString());
    return Buffer.from("0123456789abcdef01234567", "hex");
  };
  assert.equal(memberIdOf({ peerUrls: ["b", "a"], token: "t" }, record), 0x0123456789abcdefn);
  memberIdOf({ peerUrls: ["u"], token: "", addedSeconds: 1700000000 }, record);
  assert.deepEqual(seen, ["abt", "u1700000000"]);
});

test("the first log holds one change a member, byte for byte as etcd 3.7 writes it", () => {
  const { members } = initialCluster(
    new Map([["default", ["http://localhost:2380"]]]),
    "etcd-cluster",
    sha1,
  );
  // As found in the log of a 3.7.3 member.
  const [entry] = initialEntries(members);
  const context =
    '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default"}';
  const head = Buffer.from("1000 18 cdd2918bd2b881cf8e01 22".replaceAll(" ", ""), "hex");
  assert.deepEqual(
    [entry!.type, entry!.term, entry!.index, Buffer.from(entry!.data).toString("latin1")],
    [
      1,
      1,
      1,
      Buffer.concat([head, Buffer.from([context.length]), Buffer.from(context)]).toString("latin1"),
    ],
  );
});
