// What the server says to a command line that is wrong: one clear line, and the exit code of etcd.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const launcher = join(import.meta.dirname, "..", "..", "bin", "etcd");

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function etcd(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly cwd: string; readonly file?: string },
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...options.env };
    execFile(options.file ?? launcher, args, { env, cwd: options.cwd }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const lastError = (ended: Ended): string => {
  const { error } = JSON.parse(ended.err.trimEnd().split("\n").at(-1) ?? "") as { error?: string };
  return error ?? "";
};

test("a command line that is wrong", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "etcd-"));
  try {
    const unknown = await etcd(["--nope"], { cwd });
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /^flag provided but not defined: -nope\nUsage:\n/);

    const rows = [
      [
        ["--name=q", "--election-timeout=1"],
        "--election-timeout[1ms] should be at least as 5 times",
      ],
      [["--name=q", "--cert-file=x"], "KeyFile and CertFile must both be present"],
      [["--name=q", "--listen-peer-urls=http://here:1"], "expected IP in URL for binding"],
      [["--name=q", "--initial-cluster=b=http://h:1"], `couldn't find local name "q"`],
      [["--name=q", "--log-outputs=/nonexistent/x"], "cannot open log output /nonexistent/x"],
      [["--config-file=gone.yaml"], "open gone.yaml: no such file or directory"],
    ] as const;
    for (const [args, want] of rows) {
      const ended = await etcd(args, { cwd });
      assert.equal(ended.code, 1, `${args}: ${ended.err}`);
      assert.ok(lastError(ended).includes(want), `${args}: ${ended.err}`);
    }

    const shadowed = await etcd(["--name=b"], { cwd, env: { ETCD_NAME: "a" } });
    assert.equal(shadowed.code, 1);
    assert.match(shadowed.err, /conflicting environment variable is shadowed/);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});

test("help and version, through a link, from anywhere", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "etcd-"));
  try {
    const link = join(cwd, "etcd-here");
    symlinkSync(launcher, link);
    const version = await etcd(["--version"], { cwd, file: link });
    assert.equal(version.code, 0, version.err);
    assert.match(
      version.out,
      /^etcd Version: 3\.7\.\d+\nGit SHA: .+\nGo Version: .+\nGo OS\/Arch: \w+\/\w+\n$/,
    );
    const help = await etcd(["-h"], { cwd, file: link });
    assert.equal(help.code, 0);
    assert.match(help.out, /^Usage:\n/);
    writeFileSync(join(cwd, "c.yaml"), "name: 3\n");
    const file = await etcd([], { cwd, env: { ETCD_CONFIG_FILE: "c.yaml" } });
    assert.equal(lastError(file), "c.yaml: name must be a text, not 3");
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
