// Kubernetes' own binaries for the tests: where they are. Built from Go modules on first use.
import { execFile } from "node:child_process";
import { join } from "node:path";

/** What build.sh makes. */
export interface KubernetesBinaries {
  readonly apiServer: string;
  readonly controllerManager: string;
}

const buildScript = join(import.meta.dirname, "build.sh");

/** The binaries, built on first use (minutes); or one line that says why there are none. */
export async function locateKubernetes(): Promise<KubernetesBinaries | string> {
  const paths = await locatePrograms(["kube-apiserver", "kube-controller-manager"]);
  if (typeof paths === "string") return paths;
  const [apiServer = "", controllerManager = ""] = paths;
  return { apiServer, controllerManager };
}

/**
 * Paths of programs that build.sh knows, in the order asked for; or one line that says why there are none. Those that
 * are missing are built, unless `onlyBuilt`.
 */
export function locatePrograms(
  names: readonly string[],
  onlyBuilt = false,
): Promise<readonly string[] | string> {
  const env = onlyBuilt ? { ...process.env, BUILD: "no" } : process.env;
  return new Promise((resolve) => {
    const options = { maxBuffer: 1 << 20, env };
    execFile("bash", [buildScript, ...names], options, (error, stdout, stderr) => {
      const paths = stdout.trim().split("\n");
      if (error !== null || paths.length !== names.length) {
        const reason = stderr.trim().split("\n").at(-1) || error?.message || "no paths printed";
        resolve(`Kubernetes' programs are not there: ${reason}`);
        return;
      }
      resolve(paths);
    });
  });
}
