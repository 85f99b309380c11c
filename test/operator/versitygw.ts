// versitygw, a server of the S3 protocol over a folder, built from its Go module on first use (minutes).
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";

const exec = promisify(execFile);
const version = "v1.8.0";
export const accessKeyId = "access";
export const secretAccessKey = "secret-of-a-test";
const readyLimitMs = 120_000;

/** Path of the program. */
export async function buildS3Server(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const folder = join(cache, "etcd-ts", "versitygw", version);
  const program = join(folder, "versitygw");
  if (existsSync(program)) return program;
  const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
  await exec("go", ["install", `github.com/versity/versitygw/cmd/versitygw@${version}`], {
    env,
    maxBuffer: 1 << 24,
  });
  return program;
}

export class S3Server {
  readonly endpoint: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #port: number;

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.#port = port;
    this.folder = folder;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  /** A server over `folder` with one bucket. */
  static async start(folder: string, bucket: string): Promise<S3Server> {
    const program = await buildS3Server();
    const [port = 0] = await reservePorts(1);
    mkdirSync(join(folder, "data", bucket), { recursive: true });
    const args = [
      ...["--port", `127.0.0.1:${port}`, "--access", accessKeyId, "--secret", secretAccessKey],
      ...["--region", "us-east-1", "posix", "--sidecar", join(folder, "meta")],
      join(folder, "data"),
    ];
    mkdirSync(join(folder, "meta"));
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
    const server = new S3Server(child, port, folder);
    const began = Date.now();
    for (;;) {
      if (child.exitCode !== null) throw new Error(`versitygw ended: ${said}`);
      const answers = await fetch(server.endpoint).then(
        () => true,
        () => false,
      );
      if (answers) return server;
      if (Date.now() - began > readyLimitMs) throw new Error(`versitygw does not answer: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
    releasePorts([this.#port]);
  }
}
