// Locks and elections between the reference's etcdctl and ours, as processes on a member of ours: they
// stand in one line, and a signal gives back what is held or waited for, with the reference's exit codes.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** One etcdctl that holds or waits. */
class Running {
  stdout = "";
  stderr = "";
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private wake = (): void => {};

  constructor(command: readonly string[], words: readonly string[]) {
    const [file = "", ...before] = command;
    this.child = spawn(file, [...before, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.wake();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code) => {
        resolve(code);
        this.wake();
      });
    });
  }

  /** Resolves when so many lines were printed; throws if it ended before. */
  async printed(lines: number): Promise<string[]> {
    for (;;) {
      const all = this.stdout.split("\n");
      if (all.length > lines) return all.slice(0, lines);
      if (this.child.exitCode !== null) throw new Error(`ended: ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Whatever it still waits for: a test that failed must not wait for it. */
  [Symbol.dispose](): void {
    this.child.kill("SIGKILL");
  }
}

test("locks and elections of both etcdctls stand in one line", { timeout: 60_000 }, async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const server = await startReferenceCluster({ etcd: root("bin/etcd") });
  t.after(() => server.stop());
  const client = new EtcdClient({
    endpoints: [server.endpoints],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
  t.after(() => client.close());
  /** Resolves when so many stand in line. */
  const standing = async (name: string, count: number): Promise<void> => {
    const rangeEnd = Buffer.from(`${name}0`);
    for (;;) {
      const { kvs, header } = await client.kv.range(`${name}/`, { rangeEnd });
      if (kvs.length === count) return;
      const startRevision = (header?.revision ?? 0) + 1;
      const changes = client.watch.watch(`${name}/`, { rangeEnd, startRevision });
      for await (const _change of changes) break;
    }
  };
  const theirs = [reference.etcdctl];
  const ours = [process.execPath, root("ctl/etcdctl.ts")];
  const endpoints = ["--endpoints", server.endpoints];
  for (const verb of ["lock", "elect"] as const) {
    for (const [first, second, whose] of [
      [theirs, ours, "theirs, then ours"],
      [ours, theirs, "ours, then theirs"],
    ] as const) {
      const name = `${verb} ${whose}`;
      await t.test(name, async () => {
        const words = [...endpoints, verb, name];
        const value = (who: string): string[] => (verb === "elect" ? [who] : []);
        using holder = new Running(first, [...words, ...value("one")]);
        const [held = ""] = await holder.printed(2);
        assert.match(held, new RegExp(`^${name}/[0-9a-f]+$`));
        using waiter = new Running(second, [...words, ...value("two")]);
        await standing(name, 2);
        using givenUp = new Running(second, [...words, ...value("three")]);
        await standing(name, 3);
        givenUp.signal("SIGINT");
        assert.deepEqual([await givenUp.ended, givenUp.stdout], [1, ""]);
        // Etcd's client logs a line before, if the signal found it asking who stands before it.
        assert.match(givenUp.stderr, /^Error: .*context canceled\n$/m);
        await standing(name, 2);
        assert.equal(waiter.stdout, "");
        holder.signal("SIGTERM");
        assert.deepEqual([await holder.ended, holder.stderr], [0, ""]);
        const [next = "", nextValue] = await waiter.printed(2);
        assert.notEqual(next, held);
        assert.equal(nextValue, verb === "elect" ? "two" : "");
        waiter.signal("SIGINT");
        assert.deepEqual([await waiter.ended, waiter.stderr], [0, ""]);
        await standing(name, 0);
      });
    }
  }
});
