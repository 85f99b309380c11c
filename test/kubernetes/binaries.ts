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
export function locateKubernetes(): Promise<KubernetesBinaries | string> {
  return new Promise((resolve) => {
    execFile("bash", [buildScript], { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      const folder = stdout.trim();
      if (error !== null || folder === "") {
        const reason = stderr.trim().split("\n").at(-1) || error?.message || "no folder printed";
        resolve(`Kubernetes' binaries are not there: ${reason}`);
        return;
      }
      resolve({
        apiServer: join(folder, "kube-apiserver"),
        controllerManager: join(folder, "kube-controller-manager"),
      });
    });
  });
}
