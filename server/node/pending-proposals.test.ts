import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdError } from "#proto/errors.ts";
import { PendingProposals, PromisedProposal } from "#server/node/pending-proposals.ts";

function waitFor(pending: PendingProposals, id: bigint, nowMs: number): Promise<unknown> {
  const waiter = new PromisedProposal();
  pending.wait(id, nowMs, waiter);
  return waiter.promise;
}

const timedOut = () => etcdError("timeout");

test("each proposal is answered once, by its result or by its deadline", async () => {
  const pending = new PendingProposals(100);
  const answers = [1n, 2n, 3n].map((id) =>
    waitFor(pending, id, Number(id) * 10).then(
      (result) => result,
      (error: Error) => error.message,
    ),
  );
  pending.settle(2n, "two", false);
  pending.settle(9n, "nobody's", false);
  pending.sweep(109, timedOut);
  assert.deepEqual(
    [1n, 2n, 3n].map((id) => pending.has(id)),
    [true, false, true],
  );
  pending.sweep(110, timedOut);
  assert.deepEqual(
    [1n, 3n].map((id) => pending.has(id)),
    [false, true],
  );
  pending.settle(1n, "too late", false);
  pending.rejectAll(() => etcdError("stopped"));
  assert.deepEqual(await Promise.all(answers), [
    etcdError("timeout").message,
    "two",
    etcdError("stopped").message,
  ]);
  assert.equal(pending.size, 0);
});

test("thousands that come and go leave nothing behind", () => {
  const pending = new PendingProposals(100);
  for (let i = 0; i < 5000; i++) {
    pending.wait(BigInt(i), i, { settled() {}, failed() {} });
    pending.settle(BigInt(i), undefined, false);
    pending.sweep(i, timedOut);
  }
  assert.equal(pending.size, 0);
});
