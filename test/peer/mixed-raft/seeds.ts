// Seeds of the mixed group; one alone with `node test/peer/mixed-raft/seeds.ts --seed N`, more with
// `--first N --seeds N`. As a test it needs go, to build the host of etcd's own raft.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { goBinary } from "#test/faults/tools.ts";
import { type Counts, MixedGroup } from "./group.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    seeds: { type: "string", default: "30" },
    turns: { type: "string", default: "4000" },
  },
});
const shapes = [[1], [2, 3], [1, 3], [2]];

/** What must have happened in all seeds together, or they prove less than they say. */
const required = [
  "messages of ours to etcd",
  "messages of etcd to ours",
  "terms led by ours",
  "terms led by etcd",
  "reads of ours",
  "reads of etcd",
  "snapshots installed by ours",
  "snapshots installed by etcd",
  "restarts of ours",
  "restarts of etcd",
  "changes proposed to ours",
  "changes proposed to etcd",
];

async function runSeed(seed: number, counts: Counts): Promise<void> {
  const ours = shapes[seed % shapes.length]!;
  try {
    const of = await MixedGroup.run({ seed, turns: Number(values.turns), ours });
    for (const [what, count] of of) counts.set(what, (counts.get(what) ?? 0) + count);
  } catch (error) {
    const replay = `node bin/run.js test/peer/mixed-raft/seeds.ts --seed ${seed}`;
    throw new Error(`seed ${seed}, ours ${ours.join(", ")}; replay: ${replay}`, { cause: error });
  }
}

async function tool(): Promise<string | undefined> {
  try {
    await goBinary("mixed-raft", `${import.meta.dirname}/host`);
    return undefined;
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
}

const missing = await tool();
const first = Number(values.seed ?? values.first);
const count = values.seed === undefined ? Number(values.seeds) : 1;

test(`etcd's raft and ours in one group, seeds ${first} to ${first + count - 1}`, {
  skip: missing ?? false,
}, async (t) => {
  const counts: Counts = new Map();
  // Two at once: one computes while the other waits for its host.
  const lanes = [0, 1].map(async (lane) => {
    for (let i = lane; i < count; i += 2) await runSeed(first + i, counts);
  });
  await Promise.all(lanes);
  for (const [what, times] of counts) t.diagnostic(`${String(times).padStart(8)}  ${what}`);
  if (count >= 20) for (const what of required) assert.ok(counts.has(what), `never: ${what}`);
});
