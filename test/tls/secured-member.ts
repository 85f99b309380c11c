// Members with TLS as processes, and the clients that come to them: files of certificates in a folder,
// the reference's etcdctl, curl.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { launcherOf, type MemberKind } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import type { CertifiedKey } from "#test/fakes/certificates.ts";

const run = promisify(execFile);

/** A folder that goes away with its test. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "etcd-ts-tls-"));

  /** Writes a file and answers its path. */
  put(name: string, content: string | Buffer): string {
    const path = join(this.path, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** Writes NAME.crt and NAME.key. */
  putPair(name: string, pair: CertifiedKey): { readonly cert: string; readonly key: string } {
    return { cert: this.put(`${name}.crt`, pair.cert), key: this.put(`${name}.key`, pair.key) };
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** How a program ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export async function outcomeOf(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  try {
    const done = await run(file, args, { env, timeout: 60_000 });
    return { code: 0, ...done };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown } & Outcome;
    return { code: typeof code === "number" ? code : -1, stdout, stderr };
  }
}

export interface SecuredMember extends AsyncDisposable {
  readonly process: MemberProcess;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** The members of one cluster, started and ready. `flagsOf` says how each is secured. */
export async function startMembers(
  folder: Folder,
  kinds: readonly MemberKind[],
  flagsOf: (index: number, ports: { client: number; peer: number }) => readonly string[],
  scheme: { readonly client: string; readonly peer: string } = { client: "https", peer: "https" },
): Promise<readonly SecuredMember[] & AsyncDisposable> {
  const ports = await reservePorts(kinds.length * 2);
  const peerUrls = kinds.map((_, at) => `${scheme.peer}://127.0.0.1:${ports[2 * at + 1]}`);
  const members = await Promise.all(
    kinds.map(async (kind, at) => {
      const clientUrl = `${scheme.client}://127.0.0.1:${ports[2 * at]}`;
      const peerUrl = peerUrls[at]!;
      const own = [
        `--name=m${at}`,
        `--data-dir=${join(folder.path, `data-${at}`)}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${peerUrls.map((url, i) => `m${i}=${url}`).join(",")}`,
        ...flagsOf(at, { client: ports[2 * at]!, peer: ports[2 * at + 1]! }),
      ];
      // What is said twice counts as it is said last.
      const launcher = await launcherOf(kind);
      const process_ = new MemberProcess(`m${at}`, launcher.command(own, cleanEnvironment()));
      return {
        process: process_,
        clientUrl,
        peerUrl,
        [Symbol.asyncDispose]: async () => {
          process_.signal("SIGKILL");
          await process_.exited;
        },
      };
    }),
  );
  const stop = async (): Promise<void> => {
    for (const member of members) await member[Symbol.asyncDispose]();
    releasePorts(ports);
  };
  try {
    await Promise.all(
      members.map((one) => one.process.waitForLine(/ready to serve client requests/)),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return Object.assign(members, { [Symbol.asyncDispose]: stop });
}

/** Nothing of the tests' own settings. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^ETCD(CTL)?_/.test(name)),
  );
}
