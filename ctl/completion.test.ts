import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { type CompletionNode, completionScript, shells } from "#ctl/completion.ts";

const leaf = (name: string, flags: readonly string[] = []): CompletionNode => ({
  name,
  summary: `Does "${name}", $(rm -rf) 'so'`,
  flags,
  children: [],
});
const tree: CompletionNode = {
  ...leaf("tool"),
  children: [
    leaf("get", ["--prefix", "-p"]),
    {
      ...leaf("endpoint", ["--cluster"]),
      children: [leaf("status", ["--cluster", "--long"]), leaf("health", ["--cluster"])],
    },
  ],
};
const globals = ["--hex", "--help"];

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): string[] {
  const script = `${completionScript("bash", tree, globals)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tool; echo "\${COMPREPLY[@]}"`;
  const out = execFileSync("bash", ["-c", script, "bash", ...words], { encoding: "utf8" });
  return out.trim().split(" ");
}

test("bash is offered the words of the place that the line has come to", () => {
  assert.deepEqual(offered("tool", ""), ["get", "endpoint"]);
  assert.deepEqual(offered("tool", "e"), ["endpoint"]);
  assert.deepEqual(offered("tool", "endpoint", ""), ["status", "health"]);
  assert.deepEqual(offered("tool", "--hex", "endpoint", "s"), ["status"]);
  assert.deepEqual(offered("tool", "endpoint", "status", "--"), [
    "--cluster",
    "--long",
    "--hex",
    "--help",
  ]);
  assert.deepEqual(offered("tool", "get", "key", "--p"), ["--prefix"]);
  assert.deepEqual(offered("tool", "nothing", ""), ["get", "endpoint"]);
});

test("every shell gets every command, and no text that it would carry out", () => {
  for (const shell of shells) {
    const script = completionScript(shell, tree, globals);
    for (const word of ["get", "endpoint", "status", "health", "prefix", "cluster", "long"]) {
      assert.ok(script.includes(word), `${shell}: ${word}`);
    }
    assert.doesNotMatch(script, /rm -rf\) '/, shell);
  }
});
