// Random commands: the tree against a naive model, and members against each other.
// Replay: V2_SEED=<seed> node --test <this file>
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import type { NodeView } from "./event-json.ts";
import { nowMs, Rig } from "./testing/rig.ts";

const seed = Number(process.env["V2_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** A tree as one would write it down: paths with values, directories without. */
class Model {
  readonly nodes = new Map<
    string,
    { value: string | undefined; created: number; modified: number }
  >();
  index = 3;

  private parents(path: string): string[] {
    const elements = path.split("/").slice(1, -1);
    return elements.map((_, i) => `/${elements.slice(0, i + 1).join("/")}`);
  }

  put(path: string, value: string): boolean {
    const parents = this.parents(path);
    const inFile = parents.some((one) => this.nodes.get(one)?.value !== undefined);
    const old = this.nodes.get(path);
    if (inFile || (old !== undefined && old.value === undefined)) return false;
    const index = ++this.index;
    for (const one of parents) {
      if (!this.nodes.has(one)) {
        this.nodes.set(one, { value: undefined, created: index, modified: index });
      }
    }
    this.nodes.set(path, { value, created: index, modified: index });
    return true;
  }

  remove(path: string): boolean {
    if (!this.nodes.delete(path)) return false;
    this.index++;
    for (const one of [...this.nodes.keys()])
      if (one.startsWith(`${path}/`)) this.nodes.delete(one);
    return true;
  }

  list(): string[] {
    return [...this.nodes]
      .map(([path, { value, created, modified }]) => `${path} ${value} ${created} ${modified}`)
      .sort();
  }
}

function listed(node: NodeView): string[] {
  const own = node.key === "/" ? [] : [node];
  const lines = own.map(
    ({ key, dir, value, createdIndex, modifiedIndex }) =>
      `${key} ${dir ? undefined : value} ${createdIndex} ${modifiedIndex}`,
  );
  return [...lines, ...(node.nodes ?? []).flatMap(listed)];
}

test("agrees with a naive model, and with itself reloaded", () => {
  const random = seededRandom(seed);
  let rig = new Rig();
  const model = new Model();
  for (let step = 0; step < 3000; step++) {
    const depth = 1 + random.below(4);
    const path = Array.from({ length: depth }, () => `/${"abc"[random.below(3)]}`).join("");
    const before = rig.store.index;
    if (random.chance(0.7)) {
      rig.set(path, String(step));
      model.put(path, String(step));
    } else {
      rig.run("DELETE", path, { recursive: true });
      model.remove(path);
    }
    const where = `V2_SEED=${seed}, step ${step}, ${path}`;
    assert.equal(rig.store.index, model.index, where);
    assert.ok(rig.store.index <= before + 1, where);
    if (step % 100 !== 0) continue;
    const view = rig.store.get("/", { recursive: true, sorted: true }, nowMs);
    assert.deepEqual(listed(view as NodeView).sort(), model.list(), where);
    const again = rig.reloaded();
    assert.equal(again.all(), rig.all(), where);
    rig = again;
  }
});

test("members that apply the same commands are the same, restarted ones too", () => {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const members = [new Rig(), new Rig(), new Rig()];
  let clockMs = nowMs;
  for (let step = 0; step < 4000; step++) {
    clockMs += random.below(20);
    const where = `V2_SEED=${seed}, step ${step}`;
    const path = Array.from(
      { length: 1 + random.below(3) },
      () => `/${pick(["a", "b", "_c"])}`,
    ).join("");
    const method = pick(["PUT", "PUT", "PUT", "PUT", "POST", "DELETE", "SYNC"]);
    const fields = {
      value: pick(["", "1", "2"]),
      dir: random.chance(0.2),
      prevValue: random.chance(0.2) ? pick(["1", "2"]) : "",
      prevIndex: random.chance(0.1) ? BigInt(members[0]!.store.index) : 0n,
      prevExist: random.chance(0.3) ? random.chance(0.5) : undefined,
      recursive: random.chance(0.3),
      refresh: random.chance(0.1),
      // Few different ends, so that many fall together.
      expireMs: random.chance(0.4) ? nowMs + 1000 * (1 + random.below(60)) : undefined,
      timeMs: clockMs,
    };
    const answers = members.map((one) => one.run(method, path, fields));
    for (const answer of answers) assert.equal(answer, answers[0], where);
    if (random.chance(0.02)) {
      const at = random.below(members.length);
      members[at] = members[at]!.reloaded();
    }
    if (step % 200 !== 0) continue;
    const records = members.map((one) => one.records.rows());
    for (const rows of records) assert.deepEqual(rows, records[0], where);
  }
});
