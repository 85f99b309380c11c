import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { type Log, silentLog } from "#base/log.ts";
import { InitialCheck, type InitialCheckPorts } from "#server/node/initial-check.ts";

/** What a peer holds, by its URL; an Error is what asking it ends in. */
type Held = { revision: number; compact: number; hash: number; remembers?: number } | Error;

const future = new Error("mvcc: required revision is a future revision");
const compacted = new Error("mvcc: required revision has been compacted");

class Rig {
  readonly lines: string[] = [];
  readonly peers = new Map<string, Held>();
  readonly check: InitialCheck;
  readonly waits: (() => void)[] = [];
  nowMs = 0;
  raised: bigint[] = [];
  died: string | undefined;

  constructor(peers: readonly Held[]) {
    for (const [i, held] of peers.entries()) this.peers.set(`p${i + 2}`, held);
    const said =
      (level: string) =>
      (_fields: object, message: string): void =>
        void this.lines.push(`${level} ${message}`);
    const log: Log = { ...silentLog, info: said("info"), warn: said("warn"), error: said("error") };
    const ports: InitialCheckPorts = {
      clock: {
        monotonicMs: () => this.nowMs,
        wallMs: () => 0,
        every: () => assert.fail("no period"),
        after: (delayMs, run) => {
          this.waits.push(() => {
            this.nowMs += delayMs;
            run();
          });
          return { cancel() {} };
        },
      },
      log,
      memberId: 1n as MemberId,
      others: () =>
        [...this.peers.keys()].map((url) => ({
          id: BigInt(url.slice(1)) as MemberId,
          peerUrls: ["gone", url],
          isLearner: false,
          name: url,
          clientUrls: [],
        })),
      ask: async (url, revision) => {
        const held = this.peers.get(url) ?? new Error("connection refused");
        if (held instanceof Error) throw held;
        const { compact, hash, remembers } = held;
        if (revision > held.revision) throw future;
        if (revision === remembers) {
          return { revision: held.revision, hash: 99, compactRevision: 5, hashRevision: revision };
        }
        if (revision > 0 && revision < compact) throw compacted;
        const at = revision === 0 ? held.revision : revision;
        // etcd 3.5 leaves the last one out.
        return {
          revision: held.revision,
          hash: hash + at,
          compactRevision: compact,
          hashRevision: 0,
        };
      },
      hashNow: async (revision) => {
        if (revision > 20) throw future;
        return {
          hash: 1000 + revision,
          compactRevision: 10,
          hashRevision: revision,
          currentRevision: 20,
        };
      },
      revisions: () => ({ current: 20, compact: 10 }),
      raise: async (id) => void this.raised.push(id),
      fatal: (error) => {
        this.died = error.code;
      },
    };
    this.check = new InitialCheck(ports);
  }

  /** Lets time pass until the promise is done. */
  async through(promise: Promise<unknown>): Promise<string> {
    let outcome: string | undefined;
    promise.then(
      () => {
        outcome = "starts";
      },
      (error: Error & { code?: string }) => {
        outcome = error.code ?? String(error);
      },
    );
    for (let i = 0; outcome === undefined; i++) {
      assert(i < 1000, "it never ends");
      await new Promise(setImmediate);
      if (outcome === undefined) this.waits.shift()?.();
    }
    return outcome;
  }
}

const same: Held = { revision: 20, compact: 10, hash: 1000 };
const other: Held = { revision: 20, compact: 10, hash: 2000 };
const behind: Held = { revision: 15, compact: 10, hash: 1000 };
const ahead: Held = { revision: 30, compact: 10, hash: 1000 };
const compactedSince: Held = { revision: 20, compact: 20, hash: 3000 };
const compactedPast: Held = { revision: 30, compact: 25, hash: 3000 };
const remembering: Held = { ...same, remembers: 20 };
const down = new Error("connection refused");

test("who may start, by what its peers hold", async () => {
  const passed = "info initial corruption checking passed; no corruption";
  const names = "error a peer holds other data than this member and the majority";
  const rows: readonly [string, readonly Held[], outcome: string, last: string][] = [
    ["all agree", [same, same], "starts", passed],
    ["one is behind, one ahead", [behind, ahead], "starts", passed],
    ["one answers from memory at first", [remembering, same], "starts", passed],
    [
      "nobody is there",
      [down, down],
      "starts",
      "warn not compared with a peer yet; it will be asked again",
    ],
    [
      "one compacted meanwhile",
      [same, compactedSince],
      "starts",
      "warn not compared with a peer yet; it will be asked again",
    ],
    [
      "one compacted past this member",
      [compactedPast, same],
      "starts",
      "warn not compared with a peer yet; it will be asked again",
    ],
    ["one peer differs from the majority", [same, other], "starts", names],
    [
      "both differ",
      [other, other],
      "DATA_INCONSISTENT",
      "error found different hash values from remote peer",
    ],
    [
      "the only one differs",
      [other],
      "DATA_INCONSISTENT",
      "error found different hash values from remote peer",
    ],
    [
      "one differs, one is silent",
      [other, down],
      "DATA_INCONSISTENT",
      "warn not compared with a peer yet; it will be asked again",
    ],
    [
      "one who is behind differs",
      [{ ...behind, hash: 7 }, down],
      "DATA_INCONSISTENT",
      "warn not compared with a peer yet; it will be asked again",
    ],
    ["one of four differs, one is silent", [same, other, down, same], "starts", names],
  ];
  for (const [name, peers, outcome, last] of rows) {
    const rig = new Rig(peers);
    assert.equal(await rig.through(rig.check.run()), outcome, name);
    const telling = rig.lines.filter((line) => !line.endsWith("from remote peer") || line === last);
    assert.equal(telling.at(-1), last, name);
    assert.equal(rig.lines.includes(passed), last === passed, name);
  }
});

test("whoever differs waits for the word of who is not there yet, five seconds at most", async () => {
  const late = new Rig([other, down]);
  const starting = late.check.run();
  await new Promise(setImmediate);
  late.peers.set("p3", same);
  assert.equal(await late.through(starting), "starts");
  const never = new Rig([other, down]);
  await never.through(never.check.run());
  assert.equal(never.nowMs, 5000);
});

test("who was not compared is asked again until it was, and then counts alike", async () => {
  const rows: readonly [
    before: Held[],
    after: Held[],
    died: string | undefined,
    raised: bigint[],
  ][] = [
    [[down, down], [same, same], undefined, []],
    [[same, down], [same, other], undefined, []],
    [[down, down], [other, other], "DATA_INCONSISTENT", []],
    [[down], [other], undefined, [0n]],
  ];
  for (const [before, after, died, raised] of rows) {
    const rig = new Rig(before);
    await rig.through(rig.check.run());
    for (const [i, held] of after.entries()) rig.peers.set(`p${i + 2}`, held);
    await rig.through(rig.check.runOn());
    assert.deepEqual([rig.died, rig.raised], [died, raised]);
  }
});
