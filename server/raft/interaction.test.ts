// Walks the scripts of testdata. REWRITE=1 rewrites their outputs: then read the diff.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { runScript } from "#server/raft/testing/script.ts";
import { ScriptGroup } from "#server/raft/testing/script-group.ts";

const folder = new URL("./testdata/", import.meta.url);

for (const file of readdirSync(folder).sort()) {
  test(file, () => {
    const path = new URL(file, folder);
    const script = readFileSync(path, "utf8");
    const group = new ScriptGroup();
    const actual = runScript(script, (command) => group.run(command));
    if (process.env["REWRITE"] === "1") writeFileSync(path, actual);
    else assert.equal(actual, script);
  });
}
