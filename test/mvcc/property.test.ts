// The real store against the model: random puts, deletions, nested transactions, compactions, ranges
// of every option at every revision, watches, hashes, and restarts between any two of them.
// Replay one seed: MVCC_SEED=<seed> node --test test/mvcc/property.test.ts
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { seededRandom } from "#base/random.ts";
import { EtcdError } from "#proto/errors.ts";
import type { RangeRequest, TxnRequest } from "#proto/gen/kv.ts";
import { readOnlyTxn } from "#server/apply/kv.ts";
import { Generator } from "./generator.ts";
import { encodeChange, latin1, Model } from "./model.ts";
import {
  compareResults,
  compareTxn,
  type PlainTxn,
  plain,
  plainRange,
  plainTxn,
  printable,
  sameRange,
} from "./plain.ts";
import { type KvCommand, Rig, turns } from "./rig.ts";
import { WatchChecker } from "./watch-checker.ts";

function onModel(model: Model, { kind, payload }: KvCommand): object | string {
  if (kind === "put") return model.put(payload);
  if (kind === "deleteRange") return model.deleteRange(payload);
  if (kind === "txn") return model.txn(payload);
  return model.compact(payload.revision) ?? { rev: model.revision, prev: undefined };
}

async function outcome<T>(run: () => T | Promise<T>): Promise<T | string> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof EtcdError) return thrown.errorName ?? thrown.message;
    throw thrown;
  }
}

async function checkRange(rig: Rig, model: Model, request: RangeRequest): Promise<void> {
  const expected = model.range(request, model.at(model.revision), model.revision);
  const actual = await outcome(() => rig.store.range(request));
  const note = JSON.stringify({
    ...request,
    key: latin1(request.key),
    rangeEnd: latin1(request.rangeEnd),
  });
  if (typeof expected === "string" || typeof actual === "string")
    assert.equal(actual, expected, note);
  else sameRange(plainRange(actual), expected, request, note);
}

/** What is in the backend must be the model's history, to the byte. */
async function checkState(rig: Rig, model: Model): Promise<void> {
  await rig.flush();
  while (rig.store.compacting) {
    rig.compactStep(3);
    await turns(1);
  }
  await rig.flush();
  const view = rig.backend.scan("key", Buffer.alloc(0));
  const found: string[] = [];
  for (let part = await view.next(100); part.length > 0; part = await view.next(100)) {
    for (const [key, value] of part) {
      const at = Buffer.from(key);
      const id = `${at.readBigUInt64BE(0)}.${at.readBigUInt64BE(9)}${key.length === 18 ? "t" : ""}`;
      found.push(`${id} ${Buffer.from(value).toString("hex")}`);
    }
  }
  await view.close();
  const wanted = model
    .records()
    .map(
      (change) =>
        `${change.main}.${change.sub}${change.pair === undefined ? "t" : ""} ` +
        Buffer.from(encodeChange(change)).toString("hex"),
    );
  assert.deepEqual(found, wanted);
  for (const [lease, attached] of rig.leases.attached) {
    const hung = [...model.at(model.revision).values()].filter((pair) => pair.lease === lease);
    assert.deepEqual([...attached].sort(), hung.map((pair) => pair.key).sort());
  }
  const first = Math.max(model.compactRevision, 1);
  for (const revision of [first, model.revision]) {
    const { hash } = await rig.store.hashKv(revision);
    assert.equal(hash, model.hash(revision, crc32c), `hash at ${revision}`);
  }
}

async function runSeed(seed: number, steps: number): Promise<void> {
  const random = seededRandom(seed);
  const model = new Model();
  const rig = await Rig.open({
    cacheBytes: random.chance(0.5) ? 300 : 4096,
    recentBytes: random.chance(0.5) ? 0 : 3000,
    sessionQueueBytes: random.chance(0.5) ? 600 : 100_000,
    leases: [7n, 8n],
  });
  const make = new Generator(random, model);
  let watches = new WatchChecker(rig, model, random);
  for (let step = 0; step < steps; step++) {
    const kind = random.below(20);
    if (kind < 8) {
      const commands = Array.from({ length: 1 + random.below(4) }, () => make.command());
      const results = await rig.apply(commands);
      const expected = commands.map((command) => onModel(model, command));
      results.forEach((result, i) => {
        compareResults(plain(result), expected[i]!, commands[i]!);
      });
    } else if (kind < 13) {
      await checkRange(rig, model, make.range());
    } else if (kind === 13) {
      await checkReadTxn(rig, model, make.readTxn());
    } else if (kind === 14) {
      rig.compactStep(1 + random.below(5));
    } else if (kind === 15) {
      await rig.flush(random.below(4));
    } else if (kind === 16) {
      if (random.chance(0.3)) await checkState(rig, model);
    } else if (kind === 17) {
      if (random.chance(0.2)) {
        await rig.restart();
        watches = new WatchChecker(rig, model, random);
      } else if (random.chance(0.1)) {
        await checkState(rig, model);
        await rig.reload(rig.backend.reopen());
      }
    } else {
      await watches.act();
    }
    assert.equal(rig.store.currentRevision, model.revision);
    assert.equal(rig.store.compactRevision, model.compactRevision);
    assert.equal(rig.store.keyCount, model.at(model.revision).size);
  }
  await checkState(rig, model);
  await watches.finish();
}

async function checkReadTxn(rig: Rig, model: Model, request: TxnRequest): Promise<void> {
  const actual = await outcome(() => readOnlyTxn(rig.store, request));
  const expected = model.txn(request);
  if (typeof expected === "string" || typeof actual === "string") {
    assert.equal(actual, expected, JSON.stringify(request, printable));
  } else compareTxn(plainTxn(actual) as PlainTxn, expected as unknown as PlainTxn, request);
}

const fixed = process.env["MVCC_SEED"];
const base = fixed === undefined ? Date.now() % 1_000_000_000 : Number(fixed);
const seeds = fixed === undefined ? Number(process.env["MVCC_SEEDS"] ?? 60) : 1;

test(`store and model agree, ${seeds} seeds from ${base}`, async () => {
  for (let seed = base; seed < base + seeds; seed++) {
    try {
      await runSeed(seed, 300);
    } catch (error) {
      console.error(
        `seed ${seed} failed; replay: MVCC_SEED=${seed} node --test test/mvcc/property.test.ts`,
      );
      throw error;
    }
  }
});
