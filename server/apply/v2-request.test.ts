import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryWriter } from "#proto/wire.ts";
import { decodeCommand } from "#server/apply/command.ts";

/** As etcd 3.5 writes it: every field, zero or not (proto2 by gogoproto). */
function request(method: string, path: string, value: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(8).uint64(0x77n);
  writer.uint32(18).string(method).uint32(26).string(path).uint32(34).string(value);
  writer.uint32(40).bool(false).uint32(50).string("");
  for (const field of [7, 9, 10, 11, 12, 13, 14, 15, 16]) writer.uint32(field << 3).uint64(0n);
  return writer.finish();
}

/** The same as field 2 of a command, as some releases wrote it. */
const wrapped = (bytes: Uint8Array): Uint8Array =>
  new BinaryWriter().uint32(8).uint64(5n).uint32(18).bytes(bytes).finish();

const attributes = '{"name":"m1","clientURLs":["http://127.0.0.1:2379"]}';

test("a member's attributes and the cluster's version, as etcd 3.5 writes them", () => {
  const rows = [
    {
      bytes: request("PUT", "/0/members/8e9e05c52164694d/attributes", attributes),
      kind: "clusterMemberAttrSet",
      payload: {
        memberID: 0x8e9e05c52164694dn,
        memberAttributes: { name: "m1", clientUrls: ["http://127.0.0.1:2379"] },
      },
    },
    {
      bytes: request("PUT", "/0/members/1/attributes", "{}"),
      kind: "clusterMemberAttrSet",
      payload: { memberID: 1n, memberAttributes: { name: "", clientUrls: [] } },
    },
    {
      bytes: request("PUT", "/0/version", "3.5.0"),
      kind: "clusterVersionSet",
      payload: { ver: "3.5.0" },
    },
  ];
  for (const { bytes, kind, payload } of rows) {
    for (const data of [bytes, wrapped(bytes)]) {
      const command = decodeCommand(data);
      assert.equal(command?.kind, kind);
      assert.deepEqual(command?.payload, payload);
      assert.deepEqual(command?.header, { id: 0x77n, username: "", authRevision: 0 });
    }
  }
});

test("a request on v2 data is an error that names it", () => {
  for (const [method, path] of [
    ["PUT", "/1/key"],
    ["DELETE", "/0/members/1/attributes"],
    ["PUT", "/0/members/1/raftAttributes"],
    ["PUT", "/0/members/12345678901234567/attributes"],
    ["POST", "/0/version"],
    ["SYNC", ""],
  ] as const) {
    assert.throws(() => decodeCommand(request(method, path, "")), {
      code: "V2_REQUEST",
      message: new RegExp(`${method} ${path}`),
    });
  }
});

test("attributes that are no JSON object are malformed", () => {
  for (const value of ["", "[", "7", "null"]) {
    assert.throws(() => decodeCommand(request("PUT", "/0/members/1/attributes", value)), {
      message: /attributes of a member/,
    });
  }
});
