// The operator's release before this one, to upgrade from. None was published yet: it is an earlier commit of this
// repository, with its own chart, definitions and images, checked out and built once. A clone that does not have the
// commit has this checkout's chart under an older version, with this checkout's images, which says less.
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildImages, output } from "./body.ts";
import type { Images } from "./operator-release.ts";

/** The first one that had all of the operator on Kubernetes but TLS switched on and off and cert-manager. */
const commit = "93daa153392e28437c2ebfdf28437236857ed744";
const olderVersion = "0.1.9";

const root = join(import.meta.dirname, "..", "..");

export interface PreviousRelease {
  readonly chart: string;
  /** The files of its definitions. */
  readonly definitions: string;
  /** Undefined: this checkout's. */
  readonly images: Images | undefined;
  /** For the log. */
  readonly what: string;
}

export async function previousRelease(): Promise<PreviousRelease> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "etcd-ts");
  const isHere = await output("git", ["cat-file", "-e", `${commit}^{commit}`]).then(
    () => true,
    () => false,
  );
  return isHere
    ? ofCommit(join(cache, "e2e", "previous", commit))
    : ofThisCheckout(join(cache, "e2e", "previous", olderVersion));
}

async function ofCommit(folder: string): Promise<PreviousRelease> {
  const whole = join(folder, ".whole");
  if (!existsSync(whole)) {
    await rm(folder, { recursive: true, force: true });
    await output("git", ["clone", "--quiet", "--no-checkout", root, folder]);
    await output("git", ["-C", folder, "checkout", "--quiet", "--detach", commit]);
    const lock = "package-lock.json";
    const [then, now] = await Promise.all(
      [folder, root].map((at) => readFile(join(at, lock), "utf8")),
    );
    // The same packages need no network.
    if (then === now) {
      await output("cp", ["-a", join(root, "node_modules"), join(folder, "node_modules")]);
    } else await output("npm", ["ci", "--prefix", folder]);
    await writeFile(whole, "");
  }
  const [, base = ""] = (await output(join(root, "images", "build.sh"), ["--base"])).split(/\s+/);
  const images = await buildImages(folder, { BASE: base });
  const chart = join(folder, "helm", "etcd-operator");
  return { chart, definitions: join(folder, "crds"), images, what: commit.slice(0, 10) };
}

async function ofThisCheckout(folder: string): Promise<PreviousRelease> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(join(root, "helm", "etcd-operator"), folder, { recursive: true, dereference: true });
  const file = join(folder, "Chart.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/^(version|appVersion): .*$/gm, `$1: ${olderVersion}`));
  const what = `this checkout as ${olderVersion}`;
  return { chart: folder, definitions: join(root, "crds"), images: undefined, what };
}
