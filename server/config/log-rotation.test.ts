// What may stand in --log-rotation-config-json.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLogRotation, rotationFault } from "./log-rotation.ts";

test("settings are read as lumberjack means them", () => {
  const defaults = {
    maxBytes: 100 * 1024 * 1024,
    maxAgeDays: 0,
    maxBackups: 0,
    localTime: false,
    compress: false,
  };
  assert.deepEqual(parseLogRotation("{}"), defaults);
  assert.deepEqual(
    parseLogRotation(
      '{"maxsize": 1, "maxage": 2, "maxbackups": 3, "localtime": true, "compress": true}',
    ),
    { maxBytes: 1024 * 1024, maxAgeDays: 2, maxBackups: 3, localTime: true, compress: true },
  );
  assert.match(String(parseLogRotation("{")), /^improperly formatted log rotation config: /);
  assert.match(String(parseLogRotation('{"maxsize":"x"}')), /^invalid log rotation config: /);
  assert.match(String(parseLogRotation('{"compress":1}')), /^invalid log rotation config: /);
});

test("one file is rotated", () => {
  assert.equal(rotationFault(["a.log"], "{}"), undefined);
  assert.equal(rotationFault(["stderr", "a.log"], "{}"), undefined);
  for (const outputs of [["default"], ["stderr"], ["a.log", "b.log"]])
    assert.match(rotationFault(outputs, "{}") ?? "", /requires a single file path/);
});
