import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { type Log, silentLog } from "#base/log.ts";
import { formatInitialCluster } from "#server/config/bootstrap.ts";
import { joinByRegistry, type Registration, type Registry } from "#server/discovery/registry.ts";

/** A registry in memory; what it is given as faults fails once each, in their order. */
class FakeRegistry implements Registry {
  readonly calls: string[] = [];
  members: Registration[] = [];
  sizeText: string | undefined = "3";
  /** The v2 kind refuses an ID that is there. */
  replaces = true;
  /** Entries that others make while this member waits. */
  coming: Registration[] = [];
  readonly faults: string[] = [];
  /** The next answer to register is lost, though the entry was made. */
  losesAnswer = false;

  async size(): Promise<string | undefined> {
    this.#note("size");
    return this.sizeText;
  }

  async list() {
    this.#note("list");
    return { members: [...this.members], position: this.members.length };
  }

  async register(id: string, value: string) {
    this.#note("register");
    if (!this.replaces && this.members.some((one) => one.id === id)) return "exists" as const;
    this.members.push({ id, value, order: this.members.length + 1 });
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw new Error("connection reset");
    }
    return "registered" as const;
  }

  async changed(position: number): Promise<void> {
    this.#note(`changed ${position}`);
    const next = this.coming.shift();
    assert(next !== undefined, "waits for ever");
    this.members.push(next);
  }

  close(): void {}

  #note(call: string): void {
    this.calls.push(call);
    const fault = this.faults.shift();
    if (fault !== undefined && fault !== "") throw new Error(fault);
  }
}

class Run {
  readonly registry = new FakeRegistry();
  readonly warnings: string[] = [];
  waitedMs = 0;
  marked = false;

  async join(): Promise<string> {
    const clock: Clock = {
      monotonicMs: () => this.waitedMs,
      wallMs: () => this.waitedMs,
      after: (delayMs, run) => {
        this.waitedMs += delayMs;
        setImmediate(run);
        return { cancel() {} };
      },
      every: () => assert.fail("not needed"),
    };
    const log: Log = {
      ...silentLog,
      warn: (fields) => {
        this.warnings.push((fields as { backoff: string }).backoff);
      },
    };
    const mark = {
      isSet: async () => this.marked,
      set: async () => {
        this.marked = true;
      },
    };
    const self = { id: "a", value: "m1=http://h:1,m1=http://h:2" };
    return formatInitialCluster(await joinByRegistry(this.registry, self, { clock, log, mark }));
  }
}

const other = (id: string, order: number, value = `${id}=http://${id}:1`): Registration => ({
  id,
  order,
  value,
});

test("the first so many by order of creation begin the cluster", async () => {
  const run = new Run();
  run.registry.members = [other("c", 5)];
  run.registry.coming = [other("b", 9), other("d", 11)];
  // The own entry gets order 2, and is listed behind that of 5.
  assert.equal(
    await run.join(),
    "c=http://c:1,b=http://b:1,m1=http://h:1,m1=http://h:2".split(",").sort().join(),
  );
  const { calls } = run.registry;
  assert.deepEqual(calls, [
    "size",
    "list",
    "register",
    "size",
    "list",
    "changed 2",
    "size",
    "list",
  ]);
  assert.ok(!run.marked, "needs no mark");
});

test("one more than the cluster has room for: the latest is left out, wherever it is listed", async () => {
  const run = new Run();
  run.registry.sizeText = "2";
  run.registry.members = [other("late", 50)];
  run.registry.register = async () => {
    run.registry.members.push({ id: "a", value: "m1=http://h:1", order: 2 }, other("b", 3));
    return "registered";
  };
  assert.equal(await run.join(), "b=http://b:1,m1=http://h:1");
});

test("a cluster that is complete without this member is full, before and after it registers", async () => {
  const full = {
    code: "DISCOVERY_FAILED",
    message: /^failed to join .*discovery: cluster is full/,
  };
  const before = new Run();
  before.registry.members = [other("b", 1), other("c", 2), other("d", 3)];
  await assert.rejects(before.join(), full);
  assert.ok(!before.registry.calls.includes("register"));
  assert.ok(!before.marked, "nothing changed");

  const after = new Run();
  after.registry.members = [other("b", 0), other("c", 0)];
  after.registry.register = async () => {
    after.registry.members.push(other("d", 1), { id: "a", value: "m1=http://h:1", order: 2 });
    return "registered";
  };
  await assert.rejects(after.join(), full);
});

test("what the operator set as the size is judged", async () => {
  const cases: readonly [string | undefined, RegExp][] = [
    [undefined, /discovery: size key not found/],
    ["", /discovery: size key is bad/],
    ["three", /discovery: size key is bad/],
    ["0", /discovery: size key is bad/],
    ["-1", /discovery: size key is bad/],
    ["3.5", /discovery: size key is bad/],
    ["99999999999999999999", /discovery: size key is bad/],
  ];
  for (const [text, message] of cases) {
    const run = new Run();
    run.registry.sizeText = text;
    await assert.rejects(run.join(), { code: "DISCOVERY_FAILED", message });
    assert.deepEqual(run.registry.calls, ["size"]);
  }
});

test("entries that make no cluster", async () => {
  const cases: readonly [string, RegExp][] = [
    ["b=http://b", /discovery: invalid peer URL/],
    ["m1=http://b:1", /discovery: found duplicate name/],
  ];
  for (const [value, message] of cases) {
    const run = new Run();
    run.registry.sizeText = "2";
    run.registry.members = [other("b", 1, value)];
    await assert.rejects(run.join(), { code: "DISCOVERY_FAILED", message });
  }
});

test("an ID that is there: another's is refused, the own one of a start cut short is not", async () => {
  const fresh = new Run();
  fresh.registry.replaces = false;
  fresh.registry.members = [{ id: "a", value: "m1=http://h:1,m1=http://h:2", order: 1 }];
  const message = /discovery: found duplicate id/;
  await assert.rejects(fresh.join(), { code: "DISCOVERY_FAILED", message });
  assert.ok(!fresh.marked, "nothing changed");

  const again = new Run();
  again.marked = true;
  again.registry.replaces = false;
  again.registry.sizeText = "1";
  again.registry.members = [...fresh.registry.members];
  assert.equal(await again.join(), "m1=http://h:1,m1=http://h:2");
  assert.equal(again.registry.members.length, 1);

  const lost = new Run();
  lost.registry.replaces = false;
  lost.registry.sizeText = "1";
  lost.registry.losesAnswer = true;
  assert.equal(await lost.join(), "m1=http://h:1,m1=http://h:2");
  assert.ok(lost.marked);
  assert.equal(lost.registry.members.length, 1);
});

test("a registry that does not answer is asked again, less and less often", async () => {
  const run = new Run();
  run.registry.sizeText = "1";
  run.registry.faults.push(...Array<string>(10).fill("connection refused"), "", "", "down");
  assert.equal(await run.join(), "m1=http://h:1,m1=http://h:2");
  const first = [2, 4, 8, 16, 32, 64, 128, 256, 256, 256].map((seconds) => `${seconds}s`);
  // After an answer the count begins again.
  assert.deepEqual(run.warnings, [...first, "2s"]);
});

test("a registry that says that something has changed all the time is asked once a second", async () => {
  const run = new Run();
  run.registry.sizeText = "2";
  let calls = 0;
  run.registry.changed = async () => {
    if (++calls === 100) run.registry.members.push(other("b", 9));
  };
  await run.join();
  assert.equal(run.waitedMs, 99_000);
});
