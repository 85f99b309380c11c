// Readiness for systemd units of Type=notify.
import { spawn } from "node:child_process";

/**
 * Tells systemd that the service is ready, if it asks for that (NOTIFY_SOCKET). Through
 * systemd-notify, for node sends no datagrams; rejects if that is not there or fails.
 */
export function notifyReady(env: NodeJS.ProcessEnv, pid: number): Promise<void> {
  if ((env["NOTIFY_SOCKET"] ?? "") === "") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const args = ["--ready", `--pid=${pid}`];
    const child = spawn("systemd-notify", args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text) => {
      said = `${said}${text}`.slice(0, 1000);
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`systemd-notify: exit ${code}: ${said.trim()}`));
    });
  });
}
