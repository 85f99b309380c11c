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

export interface Load {
  readonly tool: "h2load" | "benchmark";
  readonly operation: Operation;
  /** Requests under way at once, spread over at most 100 connections. */
  readonly concurrency: number;
}

/** The size of a value written, in bytes; keys have 8. */
export const valueBytes = 256;
const key = utf8("bench-01");
const maxConnections = 100;

function grpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

const bodies = {
  put: grpcFrame(
    PutRequest.encode(
      PutRequest.fromPartial({ key, value: Buffer.alloc(valueBytes, 118) }),
    ).finish(),
  ),
  range: grpcFrame(RangeRequest.encode(RangeRequest.fromPartial({ key })).finish()),
};
const methods = { put: "Put", range: "Range" } as const;
const bodyFiles = new Map<Operation, string>();

function bodyFile(operation: Operation): string {
  let file = bodyFiles.get(operation);
  if (file === undefined) {
    file = join(mkdtempSync(join(tmpdir(), "etcd-ts-bench-")), operation);
    writeFileSync(file, bodies[operation]);
    bodyFiles.set(operation, file);
  }
  return file;
}

/** Loads one endpoint for about `seconds`; requests answered a second. Throws if any failed. */
export async function measure(
  load: Load,
  endpoint: string,
  options: { readonly seconds: number; readonly benchmark: string; readonly expected: number },
): Promise<number> {
  const connections = Math.min(load.concurrency, maxConnections);
  if (load.tool === "h2load") {
    const { stdout } = await run("h2load", [
      ...["-c", String(connections), "-m", String(load.concurrency / connections)],
      ...["-D", String(options.seconds), "--warm-up-time", "1"],
      ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
      ...["-d", bodyFile(load.operation)],
      `http://${endpoint}/etcdserverpb.KV/${methods[load.operation]}`,
    ]);
    const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(stdout);
    const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout);
    if (rate === null || failed === null || failed.slice(1).some((n) => n !== "0")) {
      throw new Error(`h2load against ${endpoint} had failures:\n${stdout}`);
    }
    return Number(rate[1]);
  }
  const total = Math.max(20, Math.ceil(options.expected * options.seconds));
  const { stdout } = await run(
    options.benchmark,
    [
      ...["--endpoints", endpoint, "--conns", String(connections)],
      ...["--clients", String(load.concurrency), load.operation, "--total", String(total)],
      ...(load.operation === "put"
        ? ["--key-size", "8", "--val-size", String(valueBytes), "--key-space-size", "10000"]
        : ["bench-01"]),
    ],
    { maxBuffer: 1 << 24 },
  );
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout);
  if (rate === null || /Error distribution/.test(stdout)) {
    throw new Error(`benchmark against ${endpoint} had failures:\n${stdout}`);
  }
  return Number(rate[1]);
}
