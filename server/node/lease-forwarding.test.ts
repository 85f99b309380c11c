import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import { LeaseForwarding } from "#server/node/lease-forwarding.ts";

const lease = 7n as LeaseId;

class Rig {
  nowMs = 0;
  urls: readonly string[] = ["http://a", "http://b"];
  readonly asked: string[] = [];
  answer: (url: string) => number | Error = () => 10;
  readonly forwarding = new LeaseForwarding({
    peers: {
      renewLease: async (url) => this.take(url),
      leaseTimeToLive: async (url, { ID }) => ({
        header: undefined,
        ID,
        TTL: this.take(url),
        grantedTTL: 20,
        keys: [],
      }),
    },
    clock: {
      monotonicMs: () => this.nowMs,
      wallMs: () => 0,
      after: (delayMs, run) => {
        this.nowMs += delayMs;
        setImmediate(run);
        return { cancel() {} };
      },
      every: () => assert.fail("nothing is asked for ever"),
    },
    requestTimeoutMs: 1000,
    leaderUrls: () => this.urls,
  });

  private take(url: string): number {
    this.asked.push(url);
    const answer = this.answer(url);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

test("each URL of the leader is asked in turn until one answers", async () => {
  const rig = new Rig();
  rig.answer = (url) => (url === "http://a" ? new Error("refused") : 10);
  assert.equal(await rig.forwarding.renew(lease), 10);
  assert.deepEqual(rig.asked, ["http://a", "http://b"]);
});

test("a leader that is not known yet is waited for", async () => {
  const rig = new Rig();
  rig.urls = [];
  const renewal = rig.forwarding.renew(lease);
  setImmediate(() => {
    rig.urls = ["http://c"];
  });
  assert.equal(await renewal, 10);
});

test("when no leader is found in time, the client is told", async () => {
  const rig = new Rig();
  rig.urls = [];
  await assert.rejects(rig.forwarding.renew(lease), /no leader/);
});

test("that there is no such lease is final", async () => {
  const rig = new Rig();
  rig.answer = () => etcdError("leaseNotFound");
  assert.equal(await rig.forwarding.renew(lease), 0);
  const view = await rig.forwarding.timeToLive({ ID: 7n, keys: false });
  assert.equal(view.TTL, -1);
  assert.deepEqual(rig.asked, ["http://a", "http://a"]);
});

test("when nobody answers in time, the client is told", async () => {
  const rig = new Rig();
  rig.answer = () => new Error("refused");
  await assert.rejects(rig.forwarding.renew(lease), /timed out/);
  assert(rig.nowMs >= 900 && rig.nowMs <= 1000, `${rig.nowMs} ms`);
});
