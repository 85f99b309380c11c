// snapshot save: the state of one member as a file, written beside its place and renamed when whole.
import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { errorText } from "#base/errors.ts";
import { errorLine } from "#client/errors.ts";
import type { Command, Connected } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { decimalSize, goDuration } from "#ctl/go-text.ts";
import { logLine } from "#ctl/log-line.ts";
import { ProgressBar } from "#ctl/progress-bar.ts";
import { systemText } from "#ctl/system-text.ts";

const sha256Bytes = 32;
const pageBytes = 512;

/** What lies in the place of the file under way is not ours to remove. */
class NotOpened extends Error {}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const reason = systemText(error, "file exists");
    throw new Error(`could not rename ${from} to ${to} (rename ${from} ${to}: ${reason})`, {
      cause: error,
    });
  }
}

/** Writes the stream to `path` and syncs it; gives its size and the server's version. */
async function receive(
  connected: Connected,
  path: string,
  options: { readonly timeoutMs: number; readonly bar: ProgressBar; readonly onOpened: () => void },
): Promise<{ bytes: number; version: string }> {
  const { bar, onOpened, timeoutMs } = options;
  const file = await open(path, "w", 0o600).catch((error: unknown) => {
    const reason = systemText(error, "is a directory");
    throw new NotOpened(`could not open ${path} (open ${path}: ${reason})`);
  });
  onOpened();
  const hash = createHash("sha256");
  let tail: Uint8Array = new Uint8Array();
  let bytes = 0;
  let version = "";
  try {
    const pieces = connected.client.maintenance.snapshot({ timeoutMs });
    for await (const { blob, remainingBytes, version: told } of pieces) {
      version ||= told;
      bytes += blob.length;
      bar.show(bytes, bytes + remainingBytes);
      await file.writeFile(blob).catch((error: unknown) => {
        const reason = systemText(error, "is a directory");
        throw new Error(`could not write snapshot: write ${path}: ${reason}`, { cause: error });
      });
      // The last 32 bytes are the hash of all before them, and only the end tells which they are.
      const held = Buffer.concat([tail, blob]);
      const cut = Math.max(0, held.length - sha256Bytes);
      hash.update(held.subarray(0, cut));
      tail = held.subarray(cut);
    }
    if (bytes % pageBytes !== sha256Bytes) {
      throw new Error(`sha256 checksum not found [bytes: ${bytes}]`);
    }
    if (!hash.digest().equals(tail)) throw new Error("snapshot does not match its sha256 checksum");
    await file.sync().catch((error: unknown) => {
      const reason = systemText(error, "is a directory");
      throw new Error(`could not fsync snapshot: sync ${path}: ${reason}`, { cause: error });
    });
  } finally {
    bar.clear();
    await file.close();
  }
  return { bytes, version };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  await folder.sync().finally(() => folder.close());
}

export const command: Command = {
  usage: "FILE",
  description:
    "Saves the state of the one member that --endpoints names, with its checksum, to FILE. There is no\nlimit of time unless --command-timeout is given.",
  examples: ["etcdctl snapshot save backup.db", "etcdutl snapshot status backup.db -w table"],
  flags: [],
  async run({ args, flags, terminal, connect }) {
    const [path] = args;
    if (path === undefined || args.length !== 1) {
      throw badArguments("snapshot save expects one argument <filename>");
    }
    const connected = await connect();
    const { endpoints } = connected;
    if (endpoints.length !== 1) {
      throw new Exit(
        exitCode.interrupted,
        `snapshot must be requested to one selected node, not multiple [${endpoints.join(" ")}]`,
      );
    }
    const part = `${path}.part`;
    const start = terminal.clock.monotonicMs();
    const timeoutMs = flags.isGiven("command-timeout")
      ? connected.timeoutMs
      : Number.POSITIVE_INFINITY;
    let saved: Awaited<ReturnType<typeof receive>>;
    try {
      const onOpened = (): void =>
        logLine(terminal, "info", "fetching snapshot", { endpoint: endpoints[0] });
      const bar = new ProgressBar(terminal, 0, decimalSize);
      saved = await receive(connected, part, { timeoutMs, bar, onOpened });
      logLine(terminal, "info", "fetched snapshot", {
        endpoint: endpoints[0],
        size: decimalSize(saved.bytes),
        took: goDuration(terminal.clock.monotonicMs() - start),
        "etcd-version": saved.version,
      });
      await move(part, path);
      await syncFolder(path);
    } catch (thrown) {
      if (!(thrown instanceof NotOpened)) await rm(part, { force: true });
      const reason =
        thrown instanceof Error && "errorName" in thrown ? errorLine(thrown) : errorText(thrown);
      throw new Exit(exitCode.interrupted, reason);
    }
    logLine(terminal, "info", "saved", { path });
    terminal.out(`Snapshot saved at ${path}\n`);
    if (saved.version !== "") terminal.out(`Server version ${saved.version}\n`);
  },
};
