// Members of etcd's own raft, hosted by a process of one command a line (host/main.go).
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { goBinary } from "#test/faults/tools.ts";

/** One line of what a command did, split at its spaces. */
export type Told = readonly string[];

export class GoHost {
  private readonly child;
  private readonly lines: AsyncIterator<string>;
  private errors = "";

  private constructor(binary: string, seed: number) {
    this.child = spawn(binary, [String(seed)], { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Builds the program if it must; rejects with NO_TOOL where it cannot. */
  static async start(seed: number): Promise<GoHost> {
    const binary = await goBinary("mixed-raft", join(import.meta.dirname, "host"));
    return new GoHost(binary, seed);
  }

  /** Runs one command and returns all that it told, the last line beginning with `end`. */
  async run(command: string): Promise<readonly Told[]> {
    this.child.stdin.write(`${command}\n`);
    const told: Told[] = [];
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done === true) throw new Error(`etcd's raft ended at "${command}":\n${this.errors}`);
      const words = value.split(" ");
      told.push(words);
      if (words[0] === "end") return told;
    }
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}
