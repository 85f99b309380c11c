// A member in a process of its own that is fuzzed from outside: is it alive, does it still answer,
// how much memory does it hold, has it logged what only a bug logs?
import { readFileSync } from "node:fs";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { Finding } from "./target.ts";

/** Lines of the log that no input may bring about. */
const bugs = /InvariantError|TypeError|RangeError|ReferenceError|the server cannot go on/;

export class ServedMember implements AsyncDisposable {
  private readonly cluster: Cluster;
  readonly member: ClusterMember;
  private looked = 0;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.member = cluster.members[0]!;
  }

  static async start(flags: readonly string[] = []): Promise<ServedMember> {
    const all = ["--quota-backend-bytes=67108864", ...flags];
    return new ServedMember(await startCluster({ runner: "ours", size: 1, flags: all }));
  }

  /** Throws a Finding if the process has ended or logged a bug. */
  assertSound(): void {
    const { member } = this;
    const from = this.looked;
    this.looked = member.logPosition();
    const fresh = from === this.looked ? [] : member.log().slice(from - this.looked);
    const bug = fresh.find((line) => bugs.test(line));
    if (bug !== undefined) throw new Finding(`the member logged: ${bug}`);
    if (!member.isRunning) {
      throw new Finding(
        `the member has ended; its last lines:\n${member.log().slice(-5).join("\n")}`,
      );
    }
  }

  /** Resident memory of the process. */
  heldBytes(): number {
    try {
      const status = readFileSync(`/proc/${this.member.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }
}

/** Something that is made anew after so many rounds, so that what rounds leave behind stays small. */
export class Renewed<T extends AsyncDisposable> implements AsyncDisposable {
  private readonly make: () => Promise<T>;
  private readonly most: number;
  private made: Promise<T> | undefined;
  private uses = 0;

  constructor(make: () => Promise<T>, most: number) {
    this.make = make;
    this.most = most;
  }

  async get(): Promise<T> {
    if (++this.uses > this.most) await this.drop();
    this.made ??= this.make();
    return await this.made;
  }

  /** The next one will be another. */
  async drop(): Promise<void> {
    const { made } = this;
    this.made = undefined;
    this.uses = 0;
    if (made !== undefined) await (await made)[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
