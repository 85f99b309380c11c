// The program of a Job: does with one snapshot what its environment says, and says at its end what came of it,
// on standard output and, in a pod, as the message that the container leaves. bin/etcd-snapshot runs it.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { deleteFile, filePlace, newestSnapshot } from "#operator/snapshot/folder.ts";
import { restoreSnapshot } from "#operator/snapshot/restore.ts";
import { deleteObject, fetchNewest, putObject } from "#operator/snapshot/s3.ts";
import { type SnapshotPlace, takeSnapshot } from "#operator/snapshot/take.ts";
import {
  maxMessageBytes,
  passwordVariable,
  type SnapshotTask,
  type TaskPlace,
  taskVariable,
} from "#operator/snapshot/task.ts";

const etcdutl = join(import.meta.dirname, "..", "..", "bin", "etcdutl");
const messageFile = "/dev/termination-log";
const failpoint = () => {};

function placeAt(place: TaskPlace, location: string, scratch: string): SnapshotPlace {
  if (place.kind === "file") return filePlace(place.path, location);
  const part = join(scratch, "snapshot.db");
  return { part, location, keep: () => putObject(place, place.key, part) };
}

async function take(task: Extract<SnapshotTask, { kind: "take" }>, scratch: string) {
  const random = seededRandom(randomBytes(4).readUInt32LE(0));
  const { tls, user } = task;
  const files =
    tls === undefined
      ? {}
      : {
          tls: {
            ca: readFileSync(tls.ca),
            cert: readFileSync(tls.cert),
            key: readFileSync(tls.key),
            serverName: tls.serverName,
          },
        };
  const login =
    user === undefined
      ? {}
      : { login: { name: user, password: process.env[passwordVariable] ?? "" } };
  const ports = { clock: systemClock, random, etcdutl, failpoint, ...files, ...login };
  const place = placeAt(task.to, task.location, scratch);
  const { kind: _, ...result } = await takeSnapshot(place, task.from, task.timeoutMs, ports);
  return result;
}

async function restore(task: Extract<SnapshotTask, { kind: "restore" }>, scratch: string) {
  const { from, dataFolder, name, peerUrl, initialCluster, token } = task;
  await mkdir(dirname(dataFolder), { recursive: true });
  const fetched = join(scratch, "snapshot.db");
  const file =
    from.kind === "file"
      ? newestSnapshot(from.path)
      : await fetchNewest(from, from.key, fetched).then(() => fetched);
  const what = { etcdutl, file, dataFolder, name, peerUrl, initialCluster, token, failpoint };
  await restoreSnapshot(what);
  return { restored: name };
}

async function carryOut(task: SnapshotTask, scratch: string): Promise<object> {
  switch (task.kind) {
    case "take":
      return await take(task, scratch);
    case "restore":
      return await restore(task, scratch);
    case "delete":
      if (task.at.kind === "file") await deleteFile(task.at.path);
      else await deleteObject(task.at, task.at.key);
      return { deleted: true };
  }
}

function taskOf(text: string | undefined): SnapshotTask {
  if (text !== undefined) return JSON.parse(text) as SnapshotTask;
  const what = `etcd-snapshot is run by the operator's Jobs, which say in ${taskVariable} what to do`;
  throw new OperatingError("NO_TASK", `${what}; by hand use etcdctl snapshot save`);
}

function leave(text: string): void {
  if (!existsSync(messageFile)) return;
  writeFileSync(messageFile, text.slice(0, maxMessageBytes));
}

const scratch = await mkdtemp(join(tmpdir(), "etcd-snapshot-"));
let code = 0;
try {
  const said = JSON.stringify(await carryOut(taskOf(process.env[taskVariable]), scratch));
  process.stdout.write(`${said}\n`);
  leave(said);
} catch (thrown) {
  code = 1;
  const text = thrown instanceof OperatingError ? thrown.message : errorText(thrown);
  process.stderr.write(`etcd-snapshot: ${text}\n`);
  leave(text);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
process.exit(code);
