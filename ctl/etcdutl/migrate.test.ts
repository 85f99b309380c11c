// The rules of a migration; test/convert compares whole runs with the reference's etcdutl.
import assert from "node:assert/strict";
import { test } from "node:test";
import { oldestReader, refusal, targetVersion } from "#ctl/etcdutl/migrate.ts";
import { Entry, EntryType } from "#proto/gen/raft.ts";
import { encodeCommand } from "#server/apply/command.ts";

const of = (text: string) => {
  const [major = 0, minor = 0] = text.split(".").map(Number);
  return { major, minor };
};

for (const [from, to, needed, expected] of [
  ["3.7", "3.6", undefined, undefined],
  ["3.5", "3.7", "3.7", undefined],
  ["3.7", "3.6", "3.6", undefined],
  ["3.7", "3.5", "3.6", /the target version \(3\.5\.0\) is lower than the version \(3\.6\.0\)/],
  ["3.7", "3.9", undefined, /version "3\.8\.0" is not supported/],
  ["3.8", "3.7", undefined, /version "3\.8\.0" is not supported/],
  ["3.7", "4.0", undefined, /changing major storage version/],
] as const) {
  const why = expected === undefined ? "may be" : "may not be";
  test(`${from} ${why} ${to} with a log for ${needed ?? "everybody"}`, () => {
    const text = refusal(of(from), of(to), needed === undefined ? undefined : of(needed));
    if (expected === undefined) assert.equal(text, undefined);
    else assert.match(text ?? "", expected);
  });
}

test("only a command that names its version makes a log unreadable for older ones", () => {
  const header = { id: 1n, username: "", authRevision: 0 };
  const entry = (index: number, data: Uint8Array): Entry =>
    Entry.fromPartial({ index, term: 1, type: EntryType.EntryNormal, data });
  const versions = ["3.6.0", "3.7.0", "3.5.0"].map((ver, i) =>
    entry(i + 2, encodeCommand("downgradeVersionTest", { ver }, header)),
  );
  assert.equal(oldestReader([entry(1, new Uint8Array())]), undefined);
  assert.deepEqual(oldestReader(versions), { major: 3, minor: 7 });
});

for (const [given, message] of [
  ["3", /wrong target version format, expected "X\.Y", got "3"/],
  ["3.6.0", /wrong target version format/],
  ["3.x", /failed to parse target version/],
  ["3.4", /target version "3\.4" not supported\. Minimal "3\.5"/],
] as const) {
  test(`${given} is no target`, () => assert.throws(() => targetVersion(given), message));
}
