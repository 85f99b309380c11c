import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { execIn } from "./pod-exec.ts";

/** A kubectl that answers one after the other, and runs the command itself where there is no answer. */
function kubectlOf(answers: (string | Error)[]) {
  let runs = 0;
  const kubectl = async (args: readonly string[]): Promise<string> => {
    runs++;
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    const [file = "", ...rest] = args.slice(args.indexOf("--") + 1);
    return answer ?? execFileSync(file, rest, { encoding: "utf8" });
  };
  return { runs: () => runs, kubectl };
}

const echo = ["echo", "a  b", "$HOME"];
const said = "a  b $HOME\n";

for (const [what, answers, runs] of [
  ["a command says all that it says", [], 1],
  ["what it wrote was lost", [""], 2],
  ["half of it was lost", ["a  b"], 2],
  ["it was not run", [new Error("error: unable to upgrade connection")], 2],
] as const) {
  test(`exec in a pod: ${what}`, async () => {
    const one = kubectlOf([...answers]);
    assert.equal(await execIn(one.kubectl, "n", "pod", echo), said);
    assert.equal(one.runs(), runs);
  });
}

test("exec in a pod: a command that fails is not run again", async () => {
  const one = kubectlOf([new Error("bad key\ncommand terminated with exit code 1")]);
  await assert.rejects(execIn(one.kubectl, "n", "pod", echo), /bad key/);
  assert.equal(one.runs(), 1);
  // Its code is that of the command.
  await assert.rejects(execIn(kubectlOf([]).kubectl, "n", "pod", ["false"], 0), /Command failed/);
});

test("exec in a pod: one that never ends well is told", async () => {
  const lost = Array.from({ length: 9 }, () => "");
  await assert.rejects(
    execIn(kubectlOf(lost).kubectl, "n", "pod", echo, 0),
    /its end was not seen/,
  );
});
