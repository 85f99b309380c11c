import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { MessageType } from "#proto/gen/raft.ts";
import { LogDoubt } from "#server/node/log-doubt.ts";
import { newMessage } from "#server/raft/message.ts";
import type { StepResult } from "#server/raft/status.ts";

const leader = 2n as MemberId;
const other = 3n as MemberId;

/** Heartbeats by sender and result, 100 ms apart; what each call answered. */
function run(steps: readonly (readonly [MemberId, StepResult])[]): readonly (boolean | "lost")[] {
  const doubt = new LogDoubt(1000);
  return steps.map(([from, result], at) => {
    const message = newMessage(MessageType.MsgHeartbeat, { from, to: 1n as MemberId, term: 2 });
    try {
      return doubt.stepped(message, result, at * 100);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "LOG_LOST");
      return "lost";
    }
  });
}

test("one lie between true heartbeats is no proof", () => {
  const steps = Array.from({ length: 40 }, (_, at) => {
    return [leader, at % 4 === 0 ? "ok" : "contradicts-log"] as const;
  });
  assert.ok(!run(steps).includes("lost"));
});

test("a leader that keeps counting on what is not there stops the member", () => {
  const got = run(Array.from({ length: 11 }, () => [leader, "contradicts-log"] as const));
  assert.deepEqual(got, [true, ...Array.from({ length: 9 }, () => false), "lost"]);
});

test("true heartbeats of another sender do not end a doubt, a new doubter begins anew", () => {
  const doubted = [leader, "contradicts-log"] as const;
  const steps = Array.from({ length: 11 }, (_, at) =>
    at % 2 === 0 ? doubted : ([other, "ok"] as const),
  );
  assert.equal(run(steps).at(-1), "lost");
  const changing = Array.from({ length: 30 }, (_, at) => {
    return [at % 2 === 0 ? leader : other, "contradicts-log"] as const;
  });
  assert.ok(!run(changing).includes("lost"));
});
