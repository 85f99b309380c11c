import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { type ApiClient, ApiError } from "#operator/platform/kubernetes/api-client.ts";
import type { Lease } from "#operator/platform/kubernetes/kinds.ts";
import { LeaderElection, leaseMs, renewDeadlineMs } from "#operator/process/leader-election.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";

/** The one Lease, with the server's rule of versions. */
class LeaseServer {
  lease: Lease | undefined;
  isDown = false;
  writes = 0;
  #version = 0;

  #guard(): void {
    if (this.isDown) throw new ApiError(0, "Unreachable", "down");
  }

  #keep(lease: Lease): Lease {
    this.writes++;
    const metadata = { ...lease.metadata, resourceVersion: String(++this.#version) };
    this.lease = { ...lease, metadata };
    return this.lease;
  }

  readonly api = {
    find: async () => {
      this.#guard();
      return this.lease;
    },
    get: async () => {
      this.#guard();
      return this.lease;
    },
    create: async (_kind: unknown, lease: Lease) => {
      this.#guard();
      if (this.lease !== undefined) throw new ApiError(409, "AlreadyExists", "it is there");
      return this.#keep(lease);
    },
    replace: async (_kind: unknown, lease: Lease) => {
      this.#guard();
      if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) {
        throw new ApiError(409, "Conflict", "it has changed");
      }
      return this.#keep(lease);
    },
  } as unknown as ApiClient;
}

function elect(server: LeaseServer, clock: SteppedClock, identity: string) {
  const said: string[] = [];
  const election = new LeaderElection({
    api: server.api,
    clock,
    log: silentLog,
    namespace: "operators",
    name: "lease",
    identity,
    onLead: () => said.push("leads"),
    onLost: (reason) => said.push(`lost: ${reason}`),
  });
  election.start();
  return { election, said };
}

test("the first one leads, the second waits for as long as the lease is renewed", async () => {
  const server = new LeaseServer();
  const clock = new SteppedClock();
  const a = elect(server, clock, "a");
  await clock.pass(1000);
  const b = elect(server, clock, "b");
  await clock.pass(60_000);
  assert.deepEqual([a.said, b.said], [["leads"], []]);
  assert.equal(a.election.leads, true);
  assert.equal(b.election.leads, false);
});

test("a lease that nobody renews is taken once it has run out by this one's own clock", async () => {
  const server = new LeaseServer();
  const clock = new SteppedClock();
  const metadata = { name: "lease", resourceVersion: "7" };
  // The times in it are of a clock that is far ahead.
  const spec = {
    holderIdentity: "gone",
    leaseDurationSeconds: 15,
    renewTime: "2100-01-01T00:00:00Z",
  };
  server.lease = { metadata, spec };
  const { said, election } = elect(server, clock, "a");
  await clock.pass(leaseMs - 1000);
  assert.deepEqual(said, []);
  await clock.pass(4000);
  assert.deepEqual(said, ["leads"]);
  assert.equal(server.lease?.spec.leaseTransitions, 1);
  assert.equal(election.leads, true);
});

test("one that cannot renew stops before another could have the lease", async () => {
  const server = new LeaseServer();
  const clock = new SteppedClock();
  const a = elect(server, clock, "a");
  await clock.pass(3000);
  assert.equal(a.election.leads, true);
  server.isDown = true;
  await clock.pass(renewDeadlineMs + 500);
  assert.deepEqual(a.said, ["leads", "lost: the lease could not be renewed in time"]);
  assert.equal(a.election.leads, false);
  assert(renewDeadlineMs < leaseMs);
});

test("a process that was paused past its time may not write, before any timer has fired", async () => {
  const server = new LeaseServer();
  const clock = new SteppedClock();
  const a = elect(server, clock, "a");
  await clock.pass(500);
  assert.equal(a.election.leads, true);
  const paused = clock.monotonicMs() + renewDeadlineMs + 1;
  clock.monotonicMs = () => paused;
  assert.equal(a.election.leads, false);
});

test("a lease that is given away is another's at once", async () => {
  const server = new LeaseServer();
  const clock = new SteppedClock();
  const a = elect(server, clock, "a");
  await clock.pass(500);
  await a.election.release();
  const b = elect(server, clock, "b");
  await clock.pass(500);
  assert.deepEqual(b.said, ["leads"]);
  assert.equal(a.election.leads, false);
});
