// Reads an EtcdCluster from YAML. Strict: what is unknown is refused, and every error names file,
// line and field. Pure: the text is passed in.
import { isIP } from "node:net";
import { isCollection, LineCounter, parseDocument } from "yaml";
import { OperatingError } from "#base/errors.ts";
import {
  apiVersion,
  type EtcdCluster,
  kind,
  type LocalSpec,
  localDefaults,
  maxReplicas,
  ownFlags,
} from "#operator/api/etcd-cluster.ts";

type Path = readonly string[];

/** One manifest while it is read: looks values up and fails with their place. */
class Reader {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, stringKeys: true });
    const broken = this.#document.errors[0];
    if (broken !== undefined) {
      const line = broken.linePos?.[0].line ?? 1;
      const message = broken.message.split("\n")[0]?.replace(/ at line.*$/, "");
      throw new OperatingError("BAD_MANIFEST", `${file}:${line}: ${message}`);
    }
  }

  fail(path: Path, message: string): never {
    let node = this.#document.getIn(path, true) as { range?: readonly number[] } | undefined;
    // A field that is missing is reported where its parent stands.
    for (let up = path.length - 1; node === undefined && up >= 0; up--) {
      node = this.#document.getIn(path.slice(0, up), true) as typeof node;
    }
    const line = this.#lines.linePos(node?.range?.[0] ?? 0).line;
    const field = path.length === 0 ? "" : `${path.join(".")} `;
    throw new OperatingError("BAD_MANIFEST", `${this.#file}:${line}: ${field}${message}`);
  }

  /** The value at `path` as plain data; undefined if it is missing or empty. */
  value(path: Path): unknown {
    const node: unknown = this.#document.getIn(path);
    if (node === null) return undefined;
    return isCollection(node) ? node.toJS(this.#document) : node;
  }

  /** The fields of the map at `path`; all of them must be known. */
  fields(path: Path, known: readonly string[]): void {
    const value = path.length === 0 ? this.#document.toJS() : this.value(path);
    if (value === undefined || value === null) return;
    if (typeof value !== "object" || Array.isArray(value)) this.fail(path, "must be a map");
    for (const field of Object.keys(value)) {
      if (known.includes(field)) continue;
      this.fail([...path, field], `is not known here; known are ${known.join(", ")}`);
    }
  }

  text(path: Path): string | undefined {
    const value = this.value(path);
    if (value === undefined || typeof value === "string") return value;
    return this.fail(path, `must be a text, not ${JSON.stringify(value)}`);
  }

  integer(path: Path, limits: { readonly from: number; readonly to: number }): number | undefined {
    const value = this.value(path);
    if (value === undefined) return undefined;
    const { from, to } = limits;
    if (Number.isInteger(value) && (value as number) >= from && (value as number) <= to) {
      return value as number;
    }
    return this.fail(
      path,
      `must be an integer from ${from} to ${to}, not ${JSON.stringify(value)}`,
    );
  }
}

const namePattern = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

/** The most bytes that a manifest may have. */
export const maxManifestBytes = 1 << 20;

/** Reads one EtcdCluster; throws OperatingError BAD_MANIFEST. `file` is for messages. */
export function parseManifest(file: string, text: string): EtcdCluster {
  if (text.length > maxManifestBytes) {
    throw new OperatingError("BAD_MANIFEST", `${file}: larger than ${maxManifestBytes} bytes`);
  }
  const reader = new Reader(file, text);
  reader.fields([], ["apiVersion", "kind", "metadata", "spec"]);
  const version = reader.text(["apiVersion"]);
  if (version !== apiVersion) reader.fail(["apiVersion"], `must be ${apiVersion}, not ${version}`);
  const given = reader.text(["kind"]);
  if (given !== kind) reader.fail(["kind"], `must be ${kind}, not ${given}`);
  reader.fields(["metadata"], ["name", "namespace", "labels", "annotations"]);
  const name = reader.text(["metadata", "name"]);
  if (name === undefined || !namePattern.test(name)) {
    return reader.fail(
      ["metadata", "name"],
      `must be lower-case letters, digits and dashes, at most 40, not ${JSON.stringify(name)}`,
    );
  }
  reader.fields(["spec"], ["replicas", "options", "local"]);
  const replicas = reader.integer(["spec", "replicas"], { from: 1, to: maxReplicas });
  return {
    metadata: { name },
    spec: {
      replicas: replicas ?? reader.fail(["spec", "replicas"], "is missing"),
      options: readOptions(reader),
      local: readLocal(reader, replicas ?? 1),
    },
  };
}

function readOptions(reader: Reader): Readonly<Record<string, string>> {
  const path = ["spec", "options"];
  const value = reader.value(path);
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return reader.fail(path, "must be a map of flags");
  }
  const options: Record<string, string> = {};
  for (const [flag, setting] of Object.entries(value)) {
    const at = [...path, flag];
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(flag)) reader.fail(at, "is no name of a flag");
    if (ownFlags.has(flag)) reader.fail(at, "is set by the operator");
    if (typeof setting === "object" || setting === null) {
      reader.fail(at, "must be a text, a number or true or false");
    }
    options[flag] = String(setting);
  }
  return options;
}

function readLocal(reader: Reader, replicas: number): LocalSpec {
  const path = ["spec", "local"];
  reader.fields(path, ["dataFolder", "host", "clientPort", "peerPort", "portStep"]);
  const host = reader.text([...path, "host"]) ?? localDefaults.host;
  if (isIP(host) === 0) reader.fail([...path, "host"], `must be an IP address, not ${host}`);
  const port = (field: "clientPort" | "peerPort") =>
    reader.integer([...path, field], { from: 1, to: 65535 }) ?? localDefaults[field];
  const local = {
    dataFolder: reader.text([...path, "dataFolder"]),
    host,
    clientPort: port("clientPort"),
    peerPort: port("peerPort"),
    portStep:
      reader.integer([...path, "portStep"], { from: 1, to: 10_000 }) ?? localDefaults.portStep,
  };
  const ports = Array.from({ length: replicas }, (_, at) => at * local.portStep).flatMap((more) => [
    local.clientPort + more,
    local.peerPort + more,
  ]);
  const tooHigh = ports.find((one) => one > 65535);
  if (tooHigh !== undefined) reader.fail(path, `leads to port ${tooHigh}; the last one is 65535`);
  const twice = ports.find((one, at) => ports.indexOf(one) !== at);
  if (twice !== undefined) reader.fail(path, `gives port ${twice} to two listeners`);
  return local;
}
