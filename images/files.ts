// The files of an image: our sources, the npm packages that they import and what those need, and Node, all
// from a checkout after `npm ci`, without tests, types, maps and builds for other platforms. Run by the
// Dockerfiles: node images/files.ts store|operator FOLDER. Uses nothing that is not in the checkout.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
/** Where they are in the image. */
const home = "opt/etcd-ts";

interface ImageContent {
  /** With what their files import from others. */
  readonly folders: readonly string[];
  /** Launchers, which /usr/bin has too. */
  readonly programs: readonly string[];
}

const images: Readonly<Record<string, ImageContent>> = {
  store: {
    folders: ["base", "proto", "server", "client", "ctl", "operator/snapshot"],
    // The last one is run by the operator's Jobs.
    programs: ["etcd", "etcdctl", "etcdutl", "etcd-snapshot"],
  },
  operator: {
    // The types of server options come from the server's own table.
    folders: ["base", "proto", "client", "operator", "server/config"],
    programs: ["etcd-operator"],
  },
};

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (path: string): string => readFileSync(path, "utf8");

function* filesUnder(folder: string): Iterable<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield path;
  }
}

/** Those of the packages in `declared` that a source names. */
export function packagesOf(source: string, declared: ReadonlySet<string>): readonly string[] {
  const names = new Set<string>();
  // Types are not there when it runs.
  const text = source.replace(/\bimport type [^;]*;/g, "");
  // Any text that names one counts: some are required by other ways than import.
  for (const match of text.matchAll(/"([^"\n]+)"/g)) {
    const name = match[1] ?? "";
    const own = /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? "";
    if (declared.has(own)) names.add(own);
  }
  return [...names];
}

/** Paths of our own files that a source imports when it runs; `path` is its own. */
export function importsOf(path: string, source: string): readonly string[] {
  const text = source.replace(/\bimport type [^;]*;/g, "");
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(#|\.\.?\/)([^"\n]+\.[jt]s)"/g)].map(
    ([, start = "", rest = ""]) => (start === "#" ? rest : join(dirname(path), start, rest)),
  );
}

/** Our own files of an image: those of its folders, and what these import, tests left out. */
export function sourcesOf({ folders }: Pick<ImageContent, "folders">): readonly string[] {
  const found = new Set(folders.flatMap((folder) => [...filesUnder(folder)]));
  for (const path of found) {
    if (/\.test\.[jt]s$/.test(path)) found.delete(path);
    else if (path.endsWith(".ts"))
      for (const one of importsOf(path, read(join(root, path)))) found.add(one);
  }
  return [...found].sort();
}

/** Where `name` is found from the folder of a package, as Node looks for it; undefined if it is not there. */
function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, "node_modules", name);
    if (existsSync(join(root, path, "package.json"))) return path;
    if (folder === ".") return undefined;
  }
}

/** Paths of the packages that are needed, with what they need. */
function closure(names: Iterable<string>): readonly string[] {
  const found = new Set<string>();
  const visit = (from: string, name: string, isOptional: boolean): void => {
    // Types alone; some packages name them among what they run with.
    if (name.startsWith("@types/") || name === "undici-types") return;
    const path = resolvePackage(from, name);
    if (path === undefined) {
      if (isOptional) return;
      throw new Error(`${name}, which ${from} needs, is not installed: run npm ci`);
    }
    if (found.has(path)) return;
    found.add(path);
    const json = JSON.parse(read(join(root, path, "package.json"))) as PackageJson;
    for (const one of Object.keys(json.optionalDependencies ?? {})) visit(path, one, true);
    for (const one of Object.keys(json.dependencies ?? {})) {
      visit(path, one, json.optionalDependencies?.[one] !== undefined);
    }
  };
  for (const name of names) visit(".", name, false);
  return [...found].sort();
}

const { platform, arch } = process;
const nodePackage = `node_modules/node-${platform}-${arch}`;
const dropped = /\.(?:map|md|markdown|d\.ts|d\.mts|d\.cts|test\.js|cc|h|gyp|flow)$/;

/** Whether a file of a package is of no use in an image. */
export function isDropped(path: string): boolean {
  if (/\/node_modules\/rocksdb\/deps\//.test(`/${path}`)) return true;
  const prebuilt = /\/prebuilds\/([^/]+)\//.exec(path);
  if (prebuilt !== null) return prebuilt[1] !== `${platform}-${arch}`;
  if (/^LICEN[CS]E/i.test(path.split("/").at(-1) ?? "")) return false;
  return dropped.test(path);
}

function copyPackage(path: string, out: string): void {
  cpSync(join(root, path), join(out, path), {
    recursive: true,
    filter: (source) => {
      const inside = relative(root, source);
      // A package within it is copied only if it is needed itself.
      if (inside !== path && inside.slice(path.length).includes("/node_modules")) return false;
      return !isDropped(inside);
    },
  });
}

/** What is in the image, as CycloneDX says it. */
function billOfMaterials(image: string, paths: readonly string[]): object {
  const lock = JSON.parse(read(join(root, "package-lock.json"))) as {
    readonly packages: Readonly<
      Record<
        string,
        { readonly version: string; readonly integrity?: string; readonly license?: string }
      >
    >;
  };
  const own = JSON.parse(read(join(root, "package.json"))) as PackageJson;
  const components = paths.map((path) => {
    const { version, integrity = "", license } = lock.packages[path] ?? { version: "" };
    const json = JSON.parse(read(join(root, path, "package.json"))) as PackageJson;
    const hash = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
    return {
      type: "library",
      name: json.name,
      version,
      purl: `pkg:npm/${json.name.replace("@", "%40")}@${version}`,
      ...(hash === "" ? {} : { hashes: [{ alg: "SHA-512", content: hash }] }),
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    };
  });
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "container", name: `etcd-ts-${image}`, version: own.version } },
    components,
  };
}

export function makeFiles(image: string, out: string): void {
  const content = images[image];
  if (content === undefined) throw new Error(`there is no image ${image}: store or operator`);
  const at = join(out, home);
  const own = JSON.parse(read(join(root, "package.json"))) as PackageJson;
  const declared = new Set(Object.keys(own.dependencies ?? {}));
  const names = new Set<string>();
  for (const path of sourcesOf(content)) {
    for (const name of path.endsWith(".ts") ? packagesOf(read(join(root, path)), declared) : []) {
      names.add(name);
    }
    mkdirSync(dirname(join(at, path)), { recursive: true });
    cpSync(join(root, path), join(at, path));
  }
  for (const path of ["package.json", "LICENSE", "bin/launch.sh"])
    cpSync(join(root, path), join(at, path));
  for (const program of content.programs) {
    cpSync(join(root, "bin", program), join(at, "bin", program));
    mkdirSync(join(out, "usr/bin"), { recursive: true });
    symlinkSync(`/${home}/bin/${program}`, join(out, "usr/bin", program));
  }
  const paths = closure(names);
  for (const path of paths) copyPackage(path, at);
  mkdirSync(join(at, nodePackage, "bin"), { recursive: true });
  for (const path of ["bin/node", "LICENSE", "package.json"]) {
    cpSync(join(root, nodePackage, path), join(at, nodePackage, path));
  }
  mkdirSync(join(at, "node_modules/.bin"), { recursive: true });
  symlinkSync(
    `../${relative("node_modules", nodePackage)}/bin/node`,
    join(at, "node_modules/.bin/node"),
  );
  mkdirSync(join(out, "usr/share/etcd-ts"), { recursive: true });
  const bom = JSON.stringify(billOfMaterials(image, [...paths, nodePackage]), null, 1);
  writeFileSync(join(out, "usr/share/etcd-ts/sbom.cdx.json"), `${bom}\n`);
}

if (import.meta.main) {
  const [image = "", out = ""] = process.argv.slice(2);
  if (out === "") {
    process.stderr.write("usage: node images/files.ts store|operator FOLDER\n");
    process.exit(2);
  }
  makeFiles(image, out);
}
