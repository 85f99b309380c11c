// Reads a manifest from YAML, one EtcdCluster and the backups of it, and judges each as the API server
// would, with the line of what is wrong. Pure: the text is passed in.
import { type Document, isScalar, LineCounter, parseAllDocuments } from "yaml";
import { errorText, OperatingError } from "#base/errors.ts";
import {
  type Definition,
  etcdBackup,
  etcdBackupSchedule,
  etcdCluster,
} from "#operator/api/definitions.ts";
import type { EtcdBackup, EtcdBackupSchedule } from "#operator/api/etcd-backup.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { apiVersion } from "#operator/api/parts.ts";
import { judge, type Problem } from "#operator/api/validate.ts";

/** The most bytes that a manifest may have, and the most documents. */
export const maxManifestBytes = 1 << 20;
const maxDocuments = 64;
/** Of names of objects, as the API server has it. */
const objectName = /^[a-z0-9]([-a-z0-9.]{0,230}[a-z0-9])?$/;

/** One document of a manifest with the places of its fields. */
export class ManifestText {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;

  private constructor(file: string, lines: LineCounter, document: Document) {
    this.#file = file;
    this.#lines = lines;
    this.#document = document;
  }

  /** All documents but empty ones. Throws OperatingError BAD_MANIFEST for what is no YAML. `file` is for messages. */
  static all(file: string, text: string): readonly ManifestText[] {
    const fail = (what: string) => new OperatingError("BAD_MANIFEST", `${file}${what}`);
    if (text.length > maxManifestBytes) throw fail(`: larger than ${maxManifestBytes} bytes`);
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter: lines, stringKeys: true });
    if ("empty" in documents) throw fail(":1: must be a map");
    for (const { errors } of documents) {
      const broken = errors[0];
      if (broken === undefined) continue;
      const line = broken.linePos?.[0].line ?? 1;
      throw fail(`:${line}: ${broken.message.split("\n")[0]?.replace(/ at line.*$/, "")}`);
    }
    if (documents.length > maxDocuments) throw fail(`: more than ${maxDocuments} documents`);
    const full = documents.filter((one) => documents.length === 1 || !isEmpty(one));
    return full.map((one) => new ManifestText(file, lines, one));
  }

  /** The content as plain data. Throws BAD_MANIFEST for aliases without a target or without end. */
  value(): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      throw new OperatingError("BAD_MANIFEST", `${this.#file}: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  /** The error of a problem: file, line, field. */
  error({ path, message }: Problem): OperatingError {
    type Node = { readonly range?: readonly number[] } | undefined;
    let node = this.#document.getIn(path, true) as Node;
    // A field that is missing is reported where its parent stands.
    for (let up = path.length - 1; node?.range === undefined && up >= 0; up--) {
      node = this.#document.getIn(path.slice(0, up), true) as Node;
    }
    const { line } = this.#lines.linePos(node?.range?.[0] ?? 0);
    const field = path.length === 0 ? "" : `${path.join(".")}: `;
    return new OperatingError("BAD_MANIFEST", `${this.#file}:${line}: ${field}${message}`);
  }
}

const isEmpty = ({ contents }: Document): boolean =>
  contents === null || (isScalar(contents) && contents.value === null);

/** An object of a manifest, and where it stands there. */
export interface Placed<T> {
  readonly object: T;
  readonly text: ManifestText;
}

/** What a file holds: one cluster, and its backups. */
export interface Manifest {
  readonly cluster: Placed<EtcdCluster>;
  readonly backups: readonly Placed<EtcdBackup>[];
  readonly schedules: readonly Placed<EtcdBackupSchedule>[];
}

/**
 * Reads a manifest, defaults filled in; `old` is what the cluster replaces. Throws OperatingError
 * BAD_MANIFEST with the first thing that is wrong.
 */
export function readManifest(file: string, text: string, old?: EtcdCluster): Manifest {
  const clusters: Placed<EtcdCluster>[] = [];
  const backups: Placed<EtcdBackup>[] = [];
  const schedules: Placed<EtcdBackupSchedule>[] = [];
  const seen = new Set<string>();
  for (const one of ManifestText.all(file, text)) {
    const definition = definitionOf(one);
    const object = judged(one, definition, definition === etcdCluster ? old : undefined);
    const { name } = (object as EtcdCluster).metadata;
    const key = `${definition.kind} ${name}`;
    if (seen.has(key)) {
      throw one.error({ path: ["metadata", "name"], message: `there are two of ${key}` });
    }
    seen.add(key);
    if (definition === etcdCluster) clusters.push({ object: object as EtcdCluster, text: one });
    else if (definition === etcdBackup) backups.push({ object: object as EtcdBackup, text: one });
    else schedules.push({ object: object as EtcdBackupSchedule, text: one });
  }
  const [cluster, second] = clusters;
  if (cluster === undefined) {
    throw new OperatingError("BAD_MANIFEST", `${file}: there is no EtcdCluster in it`);
  }
  if (second !== undefined) {
    throw second.text.error({ path: ["kind"], message: "one EtcdCluster in a file" });
  }
  return { cluster, backups, schedules };
}

/** The cluster of a manifest. */
export function parseManifest(file: string, text: string, old?: EtcdCluster): EtcdCluster {
  return readManifest(file, text, old).cluster.object;
}

function judged(text: ManifestText, definition: Definition, old: unknown): unknown {
  const value = text.value();
  const result = judge(definition.schema, value, old);
  if (!result.ok) throw text.error(result.problems[0] ?? { path: [], message: "is wrong" });
  const { name } = (result.value as EtcdCluster).metadata;
  if (objectName.test(name)) return result.value;
  throw text.error({
    path: ["metadata", "name"],
    message: "must be lower-case letters, digits, dashes and dots",
  });
}

/** Which kind it is; throws for what is wrong with the parts that no schema describes. */
function definitionOf(text: ManifestText): Definition {
  const value = text.value();
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw text.error({ path: [], message: "must be a map" });
  }
  const head = value as Readonly<Record<string, unknown>>;
  const given = (field: string) =>
    head[field] === undefined ? "missing" : JSON.stringify(head[field]);
  if (head["apiVersion"] !== apiVersion) {
    const message = `must be ${apiVersion}, not ${given("apiVersion")}`;
    throw text.error({ path: ["apiVersion"], message });
  }
  const known = [etcdCluster, etcdBackup, etcdBackupSchedule];
  const definition = known.find((one) => one.kind === head["kind"]);
  if (definition === undefined) {
    const names = known.map((one) => one.kind).join(", ");
    throw text.error({ path: ["kind"], message: `must be one of ${names}, not ${given("kind")}` });
  }
  const { metadata } = head;
  const name = typeof metadata === "object" && metadata !== null && "name" in metadata;
  if (!name || typeof (metadata as { name: unknown }).name !== "string") {
    throw text.error({ path: ["metadata", "name"], message: "is missing" });
  }
  return definition;
}
