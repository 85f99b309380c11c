// The client protocol as data, read from proto/etcd: services, messages, fields and enums. Coverage is
// counted by it, so that an RPC or an option that is added there is missing here until it is asked for.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "#base/assert.ts";

/** One field of a message. */
export interface Field {
  /** As in the .proto file. */
  readonly name: string;
  /** As in the generated code and in JSON. */
  readonly property: string;
  readonly number: number;
  readonly type: string;
  readonly repeated: boolean;
  /** The oneof that it is a choice of. */
  readonly oneof: string | undefined;
}

/** One RPC, named `KV/Range` here. */
export interface Rpc {
  readonly key: string;
  readonly path: string;
  readonly request: string;
  readonly response: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** What proto/etcd says. */
export interface Schema {
  readonly rpcs: ReadonlyMap<string, Rpc>;
  readonly messages: ReadonlyMap<string, readonly Field[]>;
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

const scalars = new Set(["bytes", "string", "bool", "int32", "int64", "uint32", "uint64"]);

/** True of a type that is no message and no enum. */
export function isScalar(type: string): boolean {
  return scalars.has(type);
}

/** The generator's way of writing a field's name. */
export function propertyOf(name: string): string {
  return name.replaceAll(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

interface Block {
  readonly kind: string;
  readonly name: string;
  readonly fields: Field[];
  readonly values: Map<string, number>;
}

/** Reads files of the small dialect that proto/etcd is written in. */
export function parseProtos(sources: readonly string[]): Schema {
  const rpcs = new Map<string, Rpc>();
  const messages = new Map<string, readonly Field[]>();
  const enums = new Map<string, ReadonlyMap<string, number>>();
  for (const source of sources) {
    const text = source.replaceAll(/\/\/.*$/gm, "");
    const pack = /package\s+([\w.]+)\s*;/.exec(text)?.[1] ?? "";
    const token =
      /\b(service|message|enum|oneof)\s+(\w+)\s*\{|rpc\s+(\w+)\s*\(\s*(stream\s+)?([\w.]+)\s*\)\s*returns\s*\(\s*(stream\s+)?([\w.]+)\s*\)\s*;|(?:(repeated|optional)\s+)?([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[[^\]]*\])?\s*;|(\w+)\s*=\s*(\d+)\s*;|(\})/g;
    const open: Block[] = [];
    for (const m of text.matchAll(token)) {
      const top = open.at(-1);
      if (m[1] !== undefined) {
        const outer = open.filter(({ kind }) => kind === "message").map(({ name }) => name);
        const name = m[1] === "oneof" ? m[2]! : [...outer, m[2]].join(".");
        open.push({ kind: m[1], name, fields: [], values: new Map() });
      } else if (m[3] !== undefined) {
        assert(top !== undefined, "an rpc stands in a service");
        const key = `${top.name}/${m[3]}`;
        const plain = (type: string): string => type.split(".").at(-1)!;
        rpcs.set(key, {
          key,
          path: `/${pack}.${key}`,
          request: plain(m[5]!),
          response: plain(m[7]!),
          requestStream: m[4] !== undefined,
          responseStream: m[6] !== undefined,
        });
      } else if (m[9] !== undefined && m[10] !== undefined) {
        const message = open.findLast(({ kind }) => kind === "message");
        if (message === undefined) continue;
        message.fields.push({
          name: m[10],
          property: propertyOf(m[10]),
          number: Number(m[11]),
          type: m[9].replace(/^.*pb\./, ""),
          repeated: m[8] === "repeated",
          oneof: top?.kind === "oneof" ? propertyOf(top.name) : undefined,
        });
      } else if (m[12] !== undefined) top?.values.set(m[12], Number(m[13]));
      else if (top !== undefined) {
        open.pop();
        if (top.kind === "message") messages.set(top.name, top.fields);
        if (top.kind === "enum") enums.set(top.name, top.values);
      }
    }
  }
  return { rpcs, messages, enums };
}

const folder = join(import.meta.dirname, "..", "..", "proto", "etcd");
const clientFiles = [
  "kv",
  "watch",
  "lease",
  "cluster",
  "maintenance",
  "auth",
  "authdata",
  "lock",
  "election",
  "health",
  "mvcc",
  "header",
];

/** The schema of the services that clients speak. */
export const schema: Schema = parseProtos(
  readdirSync(folder)
    .filter((file) => clientFiles.includes(file.replace(/\.proto$/, "")))
    .map((file) => readFileSync(join(folder, file), "utf8")),
);

/** The enum that a field's type names, seen from the message that it stands in. */
export function enumOf(type: string): ReadonlyMap<string, number> | undefined {
  return schema.enums.get(type);
}
