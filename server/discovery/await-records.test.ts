import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { awaitRecords } from "#server/discovery/await-records.ts";

test("records are waited for until there are exactly so many and all hosts have addresses", async () => {
  let nowMs = 0;
  const clock: Clock = {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, run) {
      setImmediate(() => {
        nowMs += delayMs;
        run();
      });
      return { cancel() {} };
    },
    every: () => assert.fail("not needed"),
  };
  /** What is there at each look, and which of it has an address. */
  const looks: readonly (readonly [readonly string[] | Error, readonly string[]])[] = [
    [new Error("SERVFAIL"), []],
    [[], []],
    [["a"], ["a"]],
    [["a"], ["a"]],
    [
      ["a", "b", "c"],
      ["a", "b", "c"],
    ],
    [["a", "b"], ["a"]],
    [
      ["a", "a"],
      ["a", "b"],
    ],
    [
      ["b", "a"],
      ["a", "b"],
    ],
  ];
  let at = -1;
  const said: string[] = [];
  await awaitRecords("_x._tcp.d", 2, {
    clock,
    say: (line) => said.push(line),
    resolver: {
      async srv(name) {
        assert.equal(name, "_x._tcp.d");
        at++;
        const [hosts = []] = looks[at] ?? [];
        if (hosts instanceof Error) throw hosts;
        return (hosts as readonly string[]).map((host) => ({ host, port: 1 }));
      },
      async addresses(host) {
        if (looks[at]?.[1].includes(host)) return ["10.0.0.1"];
        throw new Error(`no address of ${host}`);
      },
    },
  });
  assert.equal(at, looks.length - 1);
  assert.deepEqual(said, [
    "waiting for 2 members in _x._tcp.d: SERVFAIL",
    "waiting for 2 members in _x._tcp.d: there are 0",
    "waiting for 2 members in _x._tcp.d: there are 1, a:1",
    "waiting for 2 members in _x._tcp.d: there are 3, a:1, b:1, c:1",
    "waiting for 2 members in _x._tcp.d: no address of b",
    "waiting for 2 members in _x._tcp.d: there are 1, a:1",
    "_x._tcp.d names 2 members: a:1, b:1",
  ]);
});
