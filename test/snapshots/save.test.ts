// etcdctl snapshot save, where it cannot do what it is asked: the same words, exit codes and leftovers
// as the reference's, from a member of ours.
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { ourTools, run } from "./restored.ts";

const nowhere = "127.0.0.1:9";
/** SERVER stands for the member's endpoint. */
const cases: Readonly<Record<string, readonly string[]>> = {
  "a new file": ["new.db"],
  "a file that is there": ["there.db"],
  "a folder": ["folder"],
  "a folder that is not there": ["no/such/file.db"],
  "a file for a folder": ["there.db/file.db"],
  "a full disk": ["full.db"],
  "no file": [],
  "two files": ["a.db", "b.db"],
  "two endpoints": ["a.db", "--endpoints", `SERVER,${nowhere}`],
  "no server": ["a.db", "--endpoints", nowhere, "--command-timeout", "300ms"],
};

describe("snapshot save", { concurrency: 2 }, () => {
  const root = mkdtempSync(join(tmpdir(), "etcd-ts-save-"));
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ runner: "ours", size: 1 });
  });
  after(async () => {
    await cluster.stop();
    rmSync(root, { recursive: true });
  });

  for (const [name, args] of Object.entries(cases)) {
    test(name, async (t) => {
      const reference = await referenceOrSkip(t);
      if (reference === undefined) return;
      const [server] = cluster.endpoints();
      const outcome = async (etcdctl: string) => {
        const folder = mkdtempSync(join(root, "case-"));
        mkdirSync(join(folder, "folder"));
        writeFileSync(join(folder, "there.db"), "old");
        if (name === "a full disk") symlinkSync("/dev/full", join(folder, "full.db.part"));
        const words = args.map((word) => word.replace("SERVER", server!));
        const at = words.includes("--endpoints") ? [] : ["--endpoints", server!];
        const output = await run(etcdctl, ["snapshot", "save", ...words, ...at], folder);
        const error = output.stderr.split("\n").find((line) => line.startsWith("Error: "));
        const left = readdirSync(folder).map((one) => {
          const { mode, size } = statSync(join(folder, one));
          return one === "folder" ? one : `${one} ${mode.toString(8)} ${size}`;
        });
        return { code: output.code, stdout: output.stdout, error, left };
      };
      assert.deepEqual(await outcome(ourTools.etcdctl), await outcome(reference.etcdctl));
    });
  }
});
