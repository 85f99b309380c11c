// Load from outside: h2load (raw gRPC frames over HTTP/2) and the reference's own benchmark tool.
// Each run prints a figure; nothing here judges.
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { utf8 } from "#base/bytes.ts";
import { PutRequest, RangeRequest } from "#proto/gen/kv.ts";

const run = promisify(execFile);

export type Operation = "put" | "range";

/** The size of a value written, in bytes; keys have 8. */
const valueBytes = 256;
const key = utf8("bench-01");
const maxConnections = 100;

function grpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** One request, sent again and again. */
export interface Call {
  readonly method: string;
  readonly message: Uint8Array;
}

const calls: Record<Operation, Call> = {
  put: {
    method: "etcdserverpb.KV/Put",
    message: PutRequest.encode(
      PutRequest.fromPartial({ key, value: Buffer.alloc(valueBytes, 118) }),
    ).finish(),
  },
  range: {
    method: "etcdserverpb.KV/Range",
    message: RangeRequest.encode(RangeRequest.fromPartial({ key })).finish(),
  },
};
const bodyFiles = new Map<Call, string>();

function bodyFile(call: Call): string {
  let file = bodyFiles.get(call);
  if (file === undefined) {
    file = join(mkdtempSync(join(tmpdir(), "etcd-ts-bench-")), "body");
    writeFileSync(file, grpcFrame(call.message));
    bodyFiles.set(call, file);
  }
  return file;
}

/** The call that stands for an operation on one key. */
export function callOf(operation: Operation): Call {
  return calls[operation];
}

/** Calls answered a second by `endpoint`, `concurrency` under way. Throws if any failed. */
export async function h2load(
  endpoint: string,
  call: Call,
  concurrency: number,
  seconds: number,
): Promise<number> {
  const length = ["-D", String(seconds), "--warm-up-time", "1"];
  return await runH2load(endpoint, call, concurrency, length);
}

/** As h2load, for a number of calls in place of a time. */
export async function h2loadCount(
  endpoint: string,
  call: Call,
  concurrency: number,
  requests: number,
): Promise<number> {
  return await runH2load(endpoint, call, concurrency, ["-n", String(requests)]);
}

async function runH2load(
  endpoint: string,
  call: Call,
  concurrency: number,
  length: readonly string[],
): Promise<number> {
  const connections = Math.min(concurrency, maxConnections);
  const { stdout } = await run("h2load", [
    ...["-c", String(connections), "-m", String(Math.round(concurrency / connections))],
    ...length,
    ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
    ...["-d", bodyFile(call), `http://${endpoint}/${call.method}`],
  ]);
  const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(stdout);
  const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout);
  if (rate === null || failed === null || failed.slice(1).some((n) => n !== "0")) {
    throw new Error(`h2load against ${endpoint} had failures:\n${stdout}`);
  }
  return Number(rate[1]);
}

/** What the reference's benchmark tool prints. Throws if a request failed. */
export async function benchmarkTool(
  benchmark: string,
  endpoints: readonly string[],
  args: readonly string[],
): Promise<string> {
  const all = ["--endpoints", endpoints.join(","), ...args];
  const { stdout } = await run(benchmark, all, { maxBuffer: 1 << 26 });
  if (!stdout.includes("Requests/sec:") || /Error distribution/.test(stdout)) {
    throw new Error(`benchmark ${all.join(" ")} had failures:\n${stdout.slice(-4000)}`);
  }
  return stdout;
}

/** The rates in what benchmarkTool printed, in their order. */
export function ratesOf(stdout: string): readonly number[] {
  return [...stdout.matchAll(/Requests\/sec:\s+([\d.]+)/g)].map((match) => Number(match[1]));
}
