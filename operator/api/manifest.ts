// Reads an EtcdCluster from YAML and judges it as the API server would, with the line of what is wrong.
// Pure: the text is passed in.
import { LineCounter, parseDocument } from "yaml";
import { errorText, OperatingError } from "#base/errors.ts";
import { etcdCluster } from "#operator/api/definitions.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { apiVersion } from "#operator/api/parts.ts";
import { judge, type Problem } from "#operator/api/validate.ts";

/** The most bytes that a manifest may have. */
export const maxManifestBytes = 1 << 20;

/** A manifest's text with the places of its fields. */
export class ManifestText {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** Throws OperatingError BAD_MANIFEST for what is no YAML. `file` is for messages. */
  constructor(file: string, text: string) {
    if (text.length > maxManifestBytes) {
      throw new OperatingError("BAD_MANIFEST", `${file}: larger than ${maxManifestBytes} bytes`);
    }
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, stringKeys: true });
    const broken = this.#document.errors[0];
    if (broken !== undefined) {
      const line = broken.linePos?.[0].line ?? 1;
      const message = broken.message.split("\n")[0]?.replace(/ at line.*$/, "");
      throw new OperatingError("BAD_MANIFEST", `${file}:${line}: ${message}`);
    }
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

/**
 * Reads one EtcdCluster, defaults filled in; `old` is what it replaces. Throws OperatingError
 * BAD_MANIFEST with the first thing that is wrong.
 */
export function parseManifest(file: string, text: string, old?: EtcdCluster): EtcdCluster {
  const manifest = new ManifestText(file, text);
  const value = manifest.value();
  const head = headProblem(value);
  if (head !== undefined) throw manifest.error(head);
  const judged = judge(etcdCluster.schema, value, old);
  if (judged.ok) return judged.value as EtcdCluster;
  throw manifest.error(judged.problems[0] ?? { path: [], message: "is wrong" });
}

/** What is wrong with the parts of a manifest that no schema describes. */
function headProblem(value: unknown): Problem | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { path: [], message: "must be a map" };
  }
  const head = value as Readonly<Record<string, unknown>>;
  const wanted = { apiVersion, kind: etcdCluster.kind };
  for (const [field, want] of Object.entries(wanted)) {
    if (head[field] === want) continue;
    const given = head[field] === undefined ? "missing" : JSON.stringify(head[field]);
    return { path: [field], message: `must be ${want}, not ${given}` };
  }
  const { metadata } = head;
  const name = typeof metadata === "object" && metadata !== null && "name" in metadata;
  if (!name || typeof (metadata as { name: unknown }).name !== "string") {
    return { path: ["metadata", "name"], message: "is missing" };
  }
  return undefined;
}
