// Ports for the processes that tests start.
//
// Taken from below the kernel's ephemeral range: a member that was killed leaves its port free for a
// while, and an outgoing connection (even one to that very port) must not be given it. Parallel test
// processes agree through one lock file a port, which names its owner, so that the locks of a test
// that died are taken over.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";

const locks = join(tmpdir(), "etcd-ts-test-ports");
const held = new Set<number>();

function range(): { readonly first: number; readonly last: number } {
  const text = process.env["ETCD_TS_TEST_PORTS"] ?? "13900-14299";
  const match = /^(\d+)-(\d+)$/.exec(text);
  if (match === null) {
    throw new OperatingError("BAD_PORTS", `ETCD_TS_TEST_PORTS=${text}: write it as FIRST-LAST`);
  }
  return { first: Number(match[1]), last: Number(match[2]) };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isOwned(path: string): boolean {
  try {
    const owner = Number(readFileSync(path, "utf8"));
    // An empty file is one whose owner is just writing it.
    return !(owner > 0) || alive(owner);
  } catch {
    return true; // released or taken over meanwhile: somebody is at it
  }
}

function lock(port: number): boolean {
  const path = join(locks, String(port));
  if (tryToWrite(path)) return true;
  if (isOwned(path)) return false;
  // Who moves it away is alone with it: two that removed what they found would both own the port.
  const taken = `${path}.${process.pid}`;
  try {
    renameSync(path, taken);
  } catch {
    return false;
  }
  if (isOwned(taken)) {
    // Another one took it over between the look and the move.
    renameSync(taken, path);
    return false;
  }
  rmSync(taken, { force: true });
  return tryToWrite(path);
}

function tryToWrite(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

function bindable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}

/** Reserves `count` ports of 127.0.0.1 for this process, until `releasePorts` or its end. */
export async function reservePorts(count: number): Promise<number[]> {
  mkdirSync(locks, { recursive: true });
  const { first, last } = range();
  const size = last - first + 1;
  const start = (process.pid * 7) % size;
  const ports: number[] = [];
  for (let i = 0; i < size && ports.length < count; i++) {
    const port = first + ((start + i) % size);
    if (held.has(port) || !lock(port)) continue;
    if (await bindable(port)) {
      held.add(port);
      ports.push(port);
    } else {
      rmSync(join(locks, String(port)), { force: true });
    }
  }
  if (ports.length < count) {
    releasePorts(ports);
    throw new OperatingError(
      "NO_PORTS",
      `fewer than ${count} free ports in ${first}-${last}: stop what holds them, or set ETCD_TS_TEST_PORTS`,
    );
  }
  return ports;
}

/** Gives ports back. */
export function releasePorts(ports: readonly number[]): void {
  for (const port of ports) {
    held.delete(port);
    rmSync(join(locks, String(port)), { force: true });
  }
}

process.on("exit", () => releasePorts([...held]));
