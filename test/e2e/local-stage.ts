// The body `local`: each case in a folder of its own, on processes of this machine.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localCases } from "./local-cases.ts";
import { LocalSite } from "./local-site.ts";
import type { Stage } from "./stage.ts";

export class LocalStage implements Stage {
  readonly #open = new Set<LocalSite>();
  readonly #failed = new Map<string, LocalSite>();

  constructor() {
    // Whoever ends a run before its time wants nothing left of it.
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        Promise.allSettled([...this.#open].map((one) => one.close())).then(() => process.exit(1));
      });
    }
  }

  async run(name: string): Promise<void> {
    const found = localCases.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no case ${name} of local`);
    const folder = mkdtempSync(join(tmpdir(), `e2e-${name}-`));
    const site = await LocalSite.open(folder);
    this.#open.add(site);
    try {
      await found.runAt(site);
    } catch (error) {
      this.#failed.set(name, site);
      throw error;
    } finally {
      await site.close();
      this.#open.delete(site);
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Each case has its own in any case. */
  withoutOperator(work: () => Promise<void>): Promise<void> {
    return work();
  }

  async describe(name: string): Promise<string> {
    const site = this.#failed.get(name);
    if (site === undefined) return "";
    const logs = readdirSync(site.folder, { recursive: true, encoding: "utf8" })
      .filter((one) => one.endsWith(".log") && !one.includes("member"))
      .map((one) => {
        const lines = readFileSync(join(site.folder, one), "utf8").trimEnd().split("\n");
        return [`== ${one}`, ...lines.slice(-20)].join("\n");
      });
    return [`all is kept in ${site.folder}`, site.said, ...logs].join("\n");
  }

  async down(): Promise<void> {}
}
