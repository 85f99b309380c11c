// What the messages and services of proto/etcd look like, read from the .proto files themselves, so
// that a generator reaches every field that is on the wire, and a new one without being told.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";

const folder = join(import.meta.dirname, "../../proto/etcd");

/** A field of a message: its number, and what it holds. */
export interface FieldShape {
  readonly number: number;
  readonly name: string;
  /** `int64`, `bytes` …, `enum`, or the name of a message. */
  readonly type: string;
  readonly isRepeated: boolean;
}

export interface RpcShape {
  /** As on the wire: `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly request: string;
  readonly streamsRequests: boolean;
  readonly streamsAnswers: boolean;
  readonly response: string;
}

export interface WireSchema {
  /** Fields of each message, by the last part of its name. */
  readonly messages: ReadonlyMap<string, readonly FieldShape[]>;
  readonly rpcs: readonly RpcShape[];
}

const scalars = new Set([
  ...["int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "bytes", "string"],
  ...["double", "float", "fixed32", "fixed64", "sfixed32", "sfixed64"],
]);

/** Reads all .proto files. */
export function readWireSchema(): WireSchema {
  const messages = new Map<string, FieldShape[]>();
  const enums = new Set<string>();
  const rpcs: RpcShape[] = [];
  for (const file of globSync("*.proto", { cwd: folder }).sort()) {
    const text = readFileSync(join(folder, file), "utf8").replace(/\/\/.*$/gm, "");
    const packageName = /^package (\S+);/m.exec(text)?.[1] ?? "";
    readFile(text, packageName, messages, enums, rpcs);
  }
  const known = (type: string): string => {
    const last = type.split(".").at(-1)!;
    if (scalars.has(type) || messages.has(last)) return last;
    if (enums.has(last)) return "enum";
    throw new OperatingError("BAD_SCHEMA", `proto/etcd: ${type} is no type that is known`);
  };
  for (const [name, fields] of messages) {
    messages.set(
      name,
      fields.map((field) => ({ ...field, type: known(field.type) })),
    );
  }
  return { messages, rpcs };
}

const opening = /^\s*(message|enum|service|oneof|rpc)\s+(\w+)\s*(?:\{|\()/;
const fieldLine = /^\s*(repeated |optional )?([\w.]+) (\w+) = (\d+)\s*(?:\[.*\])?;/;
const rpcLine = /^\s*rpc (\w+)\((stream )?([\w.]+)\) returns \((stream )?([\w.]+)\)/;

function readFile(
  text: string,
  packageName: string,
  messages: Map<string, FieldShape[]>,
  enums: Set<string>,
  rpcs: RpcShape[],
): void {
  /** The blocks around a line, innermost last. */
  const within: { readonly kind: string; readonly name: string }[] = [];
  for (const line of text.split("\n")) {
    const rpc = rpcLine.exec(line);
    if (rpc !== null) {
      rpcs.push({
        path: `/${packageName}.${within[0]!.name}/${rpc[1]}`,
        request: rpc[3]!.split(".").at(-1)!,
        streamsRequests: rpc[2] !== undefined,
        streamsAnswers: rpc[4] !== undefined,
        response: rpc[5]!.split(".").at(-1)!,
      });
      continue;
    }
    const opened = opening.exec(line);
    if (opened !== null) {
      const [, kind, name] = opened as unknown as [string, string, string];
      if (kind === "message") messages.set(name, []);
      if (kind === "enum") enums.add(name);
      if (!line.includes("}")) within.push({ kind, name });
      continue;
    }
    const field = fieldLine.exec(line);
    const owner = within.findLast(({ kind }) => kind === "message");
    if (field !== null && owner !== undefined && within.at(-1)!.kind !== "enum") {
      messages.get(owner.name)!.push({
        number: Number(field[4]),
        name: field[3]!,
        type: field[2]!,
        isRepeated: field[1] === "repeated ",
      });
    }
    if (/^\s*\}/.test(line)) within.pop();
  }
}
