import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const own = join(import.meta.dirname, "..", "..", "bin", "etcdutl");

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve) => {
    execFile(file, args, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

test("snapshot status prints what the reference prints of the same file", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "etcdutl-"));
  const cluster = await startReferenceCluster(reference);
  try {
    const ctl = (...args: string[]) =>
      run(reference.etcdctl, ["--endpoints", cluster.endpoints, ...args]);
    for (let i = 0; i < 40; i++) await ctl("put", `k${i % 30}`, "v".repeat(i * 7));
    await ctl("del", "k3");
    await ctl("lease", "grant", "1000");
    const file = join(folder, "saved.db");
    assert.equal((await ctl("snapshot", "save", file)).code, 0);
    for (const format of ["simple", "json", "fields", "table"]) {
      const args = ["snapshot", "status", file, "-w", format];
      const ours: Output = await run(own, args);
      const theirs: Output = await run(reference.etcdutl, args);
      assert.deepEqual(ours, { ...theirs, stderr: "" }, format);
    }
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  }
});

test("what cannot be done ends with one line and a failure", async () => {
  const missing = await run(own, ["snapshot", "status", "/no/such/file"]);
  assert.deepEqual(missing, {
    code: 1,
    stdout: "",
    stderr: "Error: stat /no/such/file: no such file or directory\n",
  });
  const noFolder = await run(own, ["defrag", "--data-dir", "/no/such/folder"]);
  assert.equal(noFolder.code, 1);
  assert.match(
    noFolder.stderr,
    /^Error: Failed to defragment etcd data\[\/no\/such\/folder\] \(.*\)\n$/,
  );
  const noSnapshot = await run(own, ["snapshot", "status", import.meta.filename]);
  assert.equal(noSnapshot.code, 1);
  assert.match(noSnapshot.stderr, /^Error: [^\n]+\n$/);
  const unknown = await run(own, ["frob"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^Error: unknown command 'frob'/);
});

test("bash completes its commands and flags", async () => {
  const offered = async (...words: readonly string[]): Promise<string[]> => {
    const script = `source <("$0" completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _etcdutl; echo "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["-c", script, own, ...words]);
    return stdout.trim().split(" ");
  };
  assert.deepEqual(await offered("etcdutl", "snapshot", ""), ["status", "restore"]);
  assert.ok((await offered("etcdutl", "snapshot", "restore", "--")).includes("--data-dir"));
  assert.deepEqual(await run(own, ["completion", "ksh"]), {
    code: 1,
    stdout: "",
    stderr: 'Error: invalid argument "ksh" for "etcdutl completion"\n',
  });
});
