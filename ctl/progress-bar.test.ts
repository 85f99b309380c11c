import assert from "node:assert/strict";
import { test } from "node:test";
import { ProgressBar, type Screen, WaitingLine } from "#ctl/progress-bar.ts";

/** A screen under time that is moved by hand; `lines` are what it showed, one after the other. */
function screen(isWatched = true) {
  let nowMs = 0;
  let tick: (() => void) | undefined;
  const lines: string[] = [];
  const clock: Screen["clock"] = {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    after: () => assert.fail("not used here"),
    every: (_periodMs, run) => {
      tick = run;
      return { cancel: () => (tick = undefined) };
    },
  };
  const err = (text: string | Uint8Array): void => void lines.push(String(text));
  const pass = (ms: number): void => {
    nowMs += ms;
    tick?.();
  };
  return { lines, pass, isTicking: () => tick !== undefined, port: { clock, err, isWatched } };
}

test("a bar fills, is not drawn for every count, and shows where it stopped", () => {
  const { lines, pass, port } = screen();
  const bar = new ProgressBar(port, 4, (count) => `${count} keys`);
  for (const done of [1, 2]) bar.show(done);
  pass(200);
  bar.show(3);
  bar.finish();
  assert.deepEqual(lines, [
    `\r\x1b[K1 keys / 4 keys [${"#".repeat(12)}${".".repeat(38)}] 25%`,
    `\r\x1b[K3 keys / 4 keys [${"#".repeat(37)}${".".repeat(13)}] 75%`,
    "\n",
  ]);
  bar.show(4);
  assert.match(lines.at(-1) ?? "", /#{50}\] 100%$/);
});

test("a line says what is done, for how long and how far, and goes away", () => {
  const { isTicking, lines, pass, port } = screen();
  const line = new WaitingLine(port);
  line.step("reading");
  pass(2_300);
  line.advance(0.5);
  pass(200);
  line.hide();
  line.step("writing");
  line.end();
  assert.deepEqual(lines, [
    "\r\x1b[Kreading 0 s",
    "\r\x1b[Kreading 2 s",
    `\r\x1b[Kreading [${"#".repeat(25)}${".".repeat(25)}] 50% 2 s`,
    "\r\x1b[K",
    "\r\x1b[Kwriting 0 s",
    "\r\x1b[K",
  ]);
  assert.equal(isTicking(), false);
});

test("where nobody looks nothing is written", () => {
  const { isTicking, lines, port } = screen(false);
  const bar = new ProgressBar(port, 2, String);
  bar.show(2);
  bar.finish();
  bar.clear();
  const line = new WaitingLine(port);
  line.step("reading");
  line.hide();
  line.end();
  assert.deepEqual(lines, []);
  assert.equal(isTicking(), false);
});
