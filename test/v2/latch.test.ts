// A latch among members of etcd, as when one joins while it is proposed: they must read past it. The
// command behind it is what they must never see. LATCH_ETCD=v3.5.35 asks another release.
import assert from "node:assert/strict";
import { test } from "node:test";
import { V2Request } from "#proto/gen/extension.ts";
import { encodeCommand } from "#server/apply/command.ts";
import { startRaftMember } from "#test/peer/raft-member.ts";
import { referencePair } from "#test/peer/reference-pair.ts";
import { locateReference, referenceOrSkip } from "#test/reference/reference.ts";

test("etcd reads past a latch, and stops at a v2 command", { timeout: 60_000 }, async (t) => {
  const current = await referenceOrSkip(t);
  if (current === undefined) return;
  const release = process.env["LATCH_ETCD"];
  const reference = release === undefined ? current : await locateReference(release);
  assert.ok(typeof reference !== "string", String(reference));
  const pair = await referencePair(reference);
  t.after(() => pair.stop());
  const own = await startRaftMember(pair, { seed: 3 });
  t.after(() => own.stop());
  const holds = (text: string): boolean =>
    own.committed.some((entry) => Buffer.from(entry.data).includes(text));
  /** Proposes again now and then: what is forwarded to a leader may be lost on the way. */
  const proposeUntil = async (data: Uint8Array, reached: Promise<unknown>): Promise<void> => {
    own.raft.propose(data);
    // A test that has run out of time must not be kept alive by it.
    const again = setInterval(() => own.raft.propose(data), 1000).unref();
    await reached.finally(() => clearInterval(again));
  };
  pair.start(0);
  pair.start(1);
  await pair.ctl("put", "before", "1");
  await own.until(() => holds("before"));

  const header = { id: 77n, username: "", authRevision: 0 };
  const latch = { capability: "v2-latch", members: pair.cluster.members.map(({ id }) => id) };
  await proposeUntil(
    encodeCommand("capabilityLatch", latch, header),
    own.until(() => holds("v2-latch")),
  );
  // Both have applied it and what comes behind it.
  await pair.ctl("put", "behind", "1");
  for (const endpoint of pair.clientUrls) {
    assert.match(await pair.ctl("get", "behind", "--endpoints", endpoint), /^behind\n1\n/);
  }

  const write = V2Request.create({ method: "PUT", path: "/v2-write" });
  // Whoever applies it ends, maybe before it told our member that it is committed.
  await proposeUntil(
    encodeCommand("v2", write, { ...header, id: 78n }),
    Promise.all([pair.ended(0), pair.ended(1)]),
  );
});
