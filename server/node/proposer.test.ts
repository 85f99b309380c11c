import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdError } from "#proto/errors.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { Proposer } from "#server/node/proposer.ts";
import type { ProposeResult } from "#server/raft/status.ts";

class Rig {
  hasLeader = true;
  committed = 0;
  result: ProposeResult = "ok";
  nowMs = 0;
  readonly handed: bigint[] = [];
  readonly pending = new PendingProposals(7000);
  private id = 0n;
  readonly proposer: Proposer;

  constructor(leasesFirst = false) {
    this.proposer = new Proposer({
      leasesFirst,
      clock: { monotonicMs: () => this.nowMs },
      pending: this.pending,
      maxRequestBytes: 1024 * 1024,
      nextRequestId: () => ++this.id,
      hasLeader: () => this.hasLeader,
      committedIndex: () => this.committed,
      appliedIndex: () => 0,
      propose: (data) => {
        if (this.result === "ok") this.handed.push(decodeCommand(data)!.header.id);
        return this.result;
      },
      proposeChange: (change) => {
        if (this.result === "ok") this.handed.push(change.id);
        return this.result;
      },
    });
  }

  put(valueBytes = 1): Promise<string> {
    const request = PutRequest.fromPartial({
      key: Buffer.from("k"),
      value: Buffer.alloc(valueBytes),
    });
    return this.proposer.propose("put", request).then(
      () => "applied",
      (error: Error) => error.message,
    );
  }

  apply(id: bigint): void {
    this.pending.settle(id, {}, false);
  }
}

test("a proposal is handed to raft and answered once applied", async () => {
  const rig = new Rig();
  const answer = rig.put();
  assert.deepEqual(rig.handed, [1n]);
  rig.apply(1n);
  rig.apply(1n);
  assert.equal(await answer, "applied");
});

const refusals: readonly [
  title: string,
  arrange: (rig: Rig) => void,
  bytes: number,
  text: RegExp,
][] = [
  ["5001 entries wait to be applied", (rig) => (rig.committed = 5001), 1, /too many requests/],
  ["it is larger than allowed", () => {}, 1024 * 1024, /request is too large/],
  ["raft drops it", (rig) => (rig.result = "dropped-transferring"), 1, /raft proposal dropped/],
  ["the member has stopped", (rig) => rig.proposer.stop(), 1, /server stopped/],
];

for (const [title, arrange, bytes, text] of refusals) {
  test(`a proposal is refused at once when ${title}`, async () => {
    const rig = new Rig();
    arrange(rig);
    assert.match(await rig.put(bytes), text);
    assert.deepEqual(rig.handed, []);
    assert.equal(rig.pending.size, 0);
    assert.equal(rig.proposer.failed, 1);
  });
}

test("without a leader proposals wait for one, in order; who gave up is not handed over", async () => {
  const rig = new Rig();
  rig.hasLeader = false;
  const early = rig.put();
  rig.nowMs = 100;
  const late = [rig.put(), rig.put()];
  assert.deepEqual(rig.handed, []);
  rig.pending.sweep(7000, () => etcdError("timeout"));
  rig.proposer.sweep();
  assert.match(await early, /timed out/);
  rig.hasLeader = true;
  rig.proposer.leaderKnown();
  assert.deepEqual(rig.handed, [2n, 3n]);
  rig.proposer.leaderKnown();
  assert.deepEqual(rig.handed, [2n, 3n]);
  for (const id of rig.handed) rig.apply(id);
  assert.deepEqual(await Promise.all(late), ["applied", "applied"]);
});

test("a leader that raft has lost already is waited for, not an error", async () => {
  const rig = new Rig();
  rig.result = "dropped-no-leader";
  const answer = rig.put();
  rig.proposer.leaderKnown();
  rig.result = "ok";
  rig.proposer.leaderKnown();
  assert.deepEqual(rig.handed, [1n]);
  rig.apply(1n);
  assert.equal(await answer, "applied");
});

test("what waits for a leader is bounded by number and by bytes", async () => {
  for (const [bytes, room] of [
    [1, 5000],
    [1000 * 1000, 67],
  ] as const) {
    const rig = new Rig();
    rig.hasLeader = false;
    const answers: Promise<string>[] = [];
    for (let i = 0; i < room; i++) answers.push(rig.put(bytes));
    assert.equal(rig.pending.size, room);
    assert.match(await rig.put(bytes), /too many requests/);
    rig.pending.sweep(7000, () => etcdError("timeout"));
    rig.proposer.sweep();
    assert.equal(rig.pending.size, 0);
    answers.push(rig.put(bytes));
    assert.equal(rig.pending.size, 1, "room again once others gave up");
  }
});

test("far behind, everything is refused; with gate PriorityRequest revocations a little later", async () => {
  const tooMany = "etcdserver: too many requests";
  const rows = [
    [false, 5000, undefined, undefined],
    [false, 5001, tooMany, tooMany],
    [true, 5001, tooMany, undefined],
    [true, 10_000, tooMany, undefined],
    [true, 10_001, tooMany, tooMany],
  ] as const;
  for (const [leasesFirst, backlog, put, revoke] of rows) {
    const rig = new Rig(leasesFirst);
    rig.committed = backlog;
    const outcome = (proposal: Promise<unknown>): Promise<string | undefined> =>
      Promise.race([
        proposal.then(
          () => undefined,
          (error: Error) => error.message,
        ),
        new Promise<undefined>((resolve) => void setImmediate(() => resolve(undefined))),
      ]);
    assert.equal(
      await outcome(
        rig.put().then((text) => {
          if (text !== "applied") throw new Error(text);
        }),
      ),
      put,
      `put at ${backlog}`,
    );
    assert.equal(
      await outcome(rig.proposer.propose("leaseRevoke", { ID: 1n as never })),
      revoke,
      `revoke at ${backlog}`,
    );
  }
});
