// Files and command lines that somebody hands to a program: snapshots, manifests, configurations. Each is
// taken, or refused with an error that says what is wrong.
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { untold } from "#base/progress.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { snapshotStatus } from "#ctl/etcdutl/snapshot-status.ts";
import { parseManifest } from "#operator/api/manifest.ts";
import { writeSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { openStateFolder } from "#server/backend/state-folder.ts";
import { parseServerConfig } from "#server/config/config.ts";
import { optionEntries } from "#server/config/options.ts";
import { restoreSnapshot } from "#server/restore.ts";
import { bend, pick, someBytes, someNumber, someText } from "../generate.ts";
import { Replayer } from "../replayer.ts";
import { Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { someEntry } from "./data.ts";

const words = [
  ...[
    "",
    "x",
    "true",
    "-1",
    "0",
    "1e9",
    "99999999999999999999",
    "1h",
    "-1s",
    "http://h:1",
    "unix://x",
  ],
  ...["a=http://h:1", "a=http://h:1,b=", "=", ",", "http://[::1]:1", "://", "*", "info", "TLS1.3"],
  ...["/nowhere", "{}", "[]", "new", "existing", "jwt,pub-key=x", "A=true", "3.7", "\0", "%s"],
];

function someWord(random: Random): string {
  if (random.chance(0.1)) return someText(random);
  return random.chance(0.1) ? String(someNumber(random)) : pick(random, words);
}

const alike = [
  "a: &a [x, x]",
  "b: &b [*a, *a, *a]",
  "<<: *a",
  "- - - x",
  "? x",
  "!!binary x",
  "%YAML 9",
];

/** Few lines that stand for very many. */
function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}, *l${i}]`,
  );
  return `l0: &l0 [x]\n${levels.join("\n")}\n`;
}

function someYaml(random: Random, names: readonly string[]): string {
  if (random.chance(0.02)) return bomb();
  const lines = Array.from({ length: random.below(8) }, () => {
    if (random.chance(0.1)) return pick(random, alike);
    return `${pick(random, names)}: ${random.chance(0.5) ? someWord(random) : JSON.stringify(someWord(random))}`;
  });
  const text = lines.join("\n");
  return random.chance(0.2) ? bend(Buffer.from(text), random).toString("latin1") : text;
}

const optionNames = optionEntries.map(([name]) => name);
const fileNames = [...optionNames, "client-transport-security", "peer-transport-security", "x"];

function playConfig(random: Random, tally: Tally): void {
  const flags = Array.from({ length: random.below(6) }, () => {
    const name = random.chance(0.97) ? pick(random, optionNames) : someWord(random);
    return random.chance(0.9) ? `--${name}=${someWord(random)}` : `-${name}`;
  });
  const file = someYaml(random, fileNames);
  if (random.chance(0.5)) flags.push("--config-file=c.yaml");
  const env: Record<string, string> = {};
  if (random.chance(0.3))
    env[`ETCD_${pick(random, optionNames).toUpperCase().replaceAll("-", "_")}`] = someWord(random);
  const result = parseServerConfig({ argv: flags, env, readFile: () => file });
  tally.add(result.kind === "error" ? "refused" : "served");
  if (result.kind === "error" && result.message === "") throw new Finding(`${flags}: no reason`);
}

const manifest = readFileSync(join(import.meta.dirname, "../../../examples/cluster.yaml"), "utf8");

function playManifest(random: Random, tally: Tally): void {
  let text = manifest;
  if (random.chance(0.7)) text = bend(Buffer.from(text), random).toString("latin1");
  if (random.chance(0.3)) text += `\n${someYaml(random, ["spec", "metadata", "kind", "x"])}`;
  if (random.chance(0.1)) text = bomb() + text;
  try {
    parseManifest("m.yaml", text);
    tally.add("served");
  } catch (error) {
    if (!(error instanceof OperatingError))
      throw new Finding(`a manifest is refused without a place: ${JSON.stringify(text)}`, {
        cause: error,
      });
    tally.add("refused");
  }
}

class SnapshotRounds implements Rounds {
  private readonly top = mkdtempSync(join(tmpdir(), "etcd-ts-fuzz-snapshot-"));
  private whole: Buffer = Buffer.alloc(0);

  async make(): Promise<void> {
    const backend = new MemoryBackend();
    const replayer = await Replayer.open(backend, false);
    const random = seededRandom(1);
    for (let index = 1; index <= 120; index++) await replayer.apply(someEntry(index, random), 0n);
    const file = join(this.top, "whole.db");
    await writeSnapshotFile(backend.scanAll(), file);
    this.whole = readFileSync(file);
  }

  async play(random: Random, tally: Tally): Promise<void> {
    const file = join(this.top, "now.db");
    const dataDir = join(this.top, "restored");
    rmSync(dataDir, { recursive: true, force: true });
    let bytes = this.whole;
    if (random.chance(0.95)) bytes = Buffer.from(bend(bytes, random));
    if (random.chance(0.02)) bytes = someBytes(random, 3000);
    writeFileSync(file, bytes);
    await this.attempt("status", tally, () => snapshotStatus(file));
    const restored = await this.attempt("restore", tally, () =>
      restoreSnapshot({
        ...{ file, dataDir, walDir: undefined, name: "a", initialCluster: "a=http://h:1" },
        ...{ initialClusterToken: "t", advertisePeerUrls: "http://h:1", skipHashCheck: true },
        ...{ bumpRevision: 0, log: silentLog, progress: untold, processName: "the fuzzer" },
      }),
    );
    if (!restored) return;
    await this.attempt("start", tally, async () => {
      const folder = await openStateFolder({ dataDir, log: silentLog, holder: "the fuzzer" });
      try {
        await Replayer.open(folder.backend, false);
      } finally {
        await folder.close();
      }
    });
  }

  private async attempt(what: string, tally: Tally, run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run();
      tally.add("served");
      tally.add(`${what}: served`);
      return true;
    } catch (error) {
      if (!(error instanceof Error && "code" in error))
        throw new Finding(`${what} fails with ${errorText(error)}`, { cause: error });
      tally.add("refused");
      tally.add(`${what}: ${String(error.code)}`);
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.top, { recursive: true, force: true });
  }
}

const closeNothing = async (): Promise<void> => {};

export const fileTargets: readonly Target[] = [
  {
    name: "snapshot",
    about: "snapshot files given to etcdutl status and restore",
    rounds: 6,
    open: async () => {
      const rounds = new SnapshotRounds();
      await rounds.make();
      return rounds;
    },
  },
  {
    name: "config",
    about: "flags, variables and configuration files of a member",
    rounds: 200,
    open: async () => ({ play: playConfig, [Symbol.asyncDispose]: closeNothing }),
  },
  {
    name: "manifests",
    about: "manifests given to etcd-operator local",
    rounds: 60,
    open: async () => ({ play: playManifest, [Symbol.asyncDispose]: closeNothing }),
  },
];
