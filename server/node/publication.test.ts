import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Timer } from "#base/clock.ts";
import { type Log, silentLog } from "#base/log.ts";
import { etcdError } from "#proto/errors.ts";
import type { Member } from "#server/node/member.ts";
import { Publication } from "#server/node/publication.ts";

/** A member whose proposals fail as told, and a clock on which every pause ends at once. */
class Rig {
  readonly pauses: number[] = [];
  readonly warnings: unknown[] = [];
  outcomes: ("tooManyRequests" | "timeout" | "ok")[] = [];
  cancelled = 0;
  holds = false;
  readonly publication: Publication;

  constructor() {
    const propose = async (): Promise<void> => {
      const outcome = this.outcomes.shift();
      assert(outcome !== undefined, "one attempt too many");
      if (outcome !== "ok") throw etcdError(outcome);
    };
    const clock: Clock = {
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: (delayMs, run): Timer => {
        this.pauses.push(delayMs);
        if (!this.holds) setImmediate(run);
        return { cancel: () => void this.cancelled++ };
      },
      every: () => assert.fail("nothing is watched over"),
    };
    const warn = (fields: object): void => void this.warnings.push(fields);
    const log: Log = { ...silentLog, warn };
    const member = { parts: { memberId: 1n, clusterId: 2n }, proposer: { propose } };
    this.publication = new Publication({
      member: member as unknown as Member,
      clock,
      log,
      name: "a",
      clientUrls: [],
      versionOf: async () => undefined,
    });
  }
}

test("a member that cannot publish yet tries less and less often, and logs each reason once", async () => {
  const rig = new Rig();
  rig.outcomes = [...Array(6).fill("tooManyRequests"), "timeout", "timeout", "ok"];
  await rig.publication.publish();
  assert.deepEqual(rig.pauses, [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  assert.deepEqual(rig.warnings, [
    { error: etcdError("tooManyRequests").message },
    { error: etcdError("timeout").message },
  ]);
  assert.deepEqual(rig.outcomes, []);
});

test("a stop ends the pause between two attempts", async () => {
  const rig = new Rig();
  rig.outcomes = ["tooManyRequests"];
  rig.holds = true;
  const publishing = rig.publication.publish();
  await new Promise(setImmediate);
  rig.publication.stop();
  await publishing;
  assert.equal(rig.cancelled, 1);
});
