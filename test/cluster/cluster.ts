// A cluster as a black box: members that serve etcd's wires, can be killed, paused and restarted.
//
// The same interface stands before our binaries, the reference etcd and, later, members in one
// process, so that one suite runs against all of them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "#base/assert.ts";
import { type Launcher, launcherOf, type MemberKind, type RunnerName } from "./launchers.ts";
import { MemberProcess, type ProcessCommand, type ProcessExit } from "./member-process.ts";
import { releasePorts, reservePorts } from "./ports.ts";

/** One member, seen from outside. Its identity and its data outlive its process. */
export interface ClusterMember {
  readonly name: string;
  /** host:port for gRPC. */
  readonly endpoint: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  readonly isRunning: boolean;
  /** The process that was started last; launchers exec, so it is the server itself. */
  readonly pid: number;
  /** Starts the process (again); resolves when it says that it serves clients. */
  start(): Promise<void>;
  /** Signals the process and resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** Resolves when the process has ended, by itself for all that is known here. */
  ended(): Promise<ProcessExit>;
  /** Stops the process in its tracks (SIGSTOP): connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Lines printed since the last start, oldest first. */
  log(): readonly string[];
  /** A place in the log to give to `waitForLog`. */
  logPosition(): number;
  /** Resolves with the first line at or after `from` that matches. */
  waitForLog(pattern: RegExp, from?: number): Promise<string>;
}

/** Members that form one cluster. */
export interface Cluster extends AsyncDisposable {
  readonly runner: RunnerName;
  /** Those it began with, then those that joined. */
  readonly members: readonly ClusterMember[];
  /**
   * Makes another member beside those of `present`, which are all that the cluster has by then. It
   * joins when it is started; add its peer URL to the cluster before.
   */
  newMember(kind: MemberKind, present: readonly ClusterMember[]): Promise<ClusterMember>;
  /**
   * Takes a member's data away, while it is down: when it is started it joins those of `present`,
   * itself among them, under its old name and addresses. Add it to the cluster before.
   */
  replace(member: ClusterMember, present: readonly ClusterMember[]): void;
  /** host:port of every member. */
  endpoints(): string[];
  /** Ends all members and removes their data. */
  stop(): Promise<void>;
}

/** How to make a cluster. */
export interface ClusterOptions {
  readonly runner: RunnerName;
  readonly size: number;
  /** Whose server each member is, where they differ; as many as `size`. */
  readonly runners?: readonly MemberKind[];
  /** More flags, given to every member. */
  readonly flags?: readonly string[];
  /** More flags for the members of one kind. */
  readonly kindFlags?: Readonly<Partial<Record<MemberKind, readonly string[]>>>;
  readonly env?: NodeJS.ProcessEnv;
  /** More environment of one member, by its name. */
  readonly memberEnv?: (name: string) => NodeJS.ProcessEnv;
  /** Puts something before a member's peer port; answers the port that the member advertises. */
  readonly peerFront?: (peerPort: number) => Promise<number>;
  /** How the first members find each other, if not by --initial-cluster. */
  readonly bootstrap?: Bootstrap;
  /** Wraps the command that starts a member, to put it into surroundings of its own. */
  readonly wrap?: (command: ProcessCommand) => ProcessCommand;
  /** Holds the members' folders; removed at the end like the temporary one that is made otherwise. */
  readonly folder?: string;
  /** Keep the folders after `stop`, to look at them. */
  readonly keepData?: boolean;
}

/** Another way for the first members to find each other than --initial-cluster. */
export interface Bootstrap {
  /** Told which members there will be, before any is started. */
  prepare?(members: readonly ClusterMember[]): Promise<void>;
  /** The flags that stand for --initial-cluster. */
  flags(member: ClusterMember): readonly string[];
}

interface MemberOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly advertisedPeerPort: number;
  readonly kind: MemberKind;
  readonly launcher: Launcher;
  readonly env: NodeJS.ProcessEnv;
  flags: readonly string[];
}

class ProcessMember implements ClusterMember {
  readonly name: string;
  readonly endpoint: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  private readonly options: MemberOptions;
  private process: MemberProcess | undefined;

  constructor(options: MemberOptions) {
    this.options = options;
    this.name = options.name;
    this.dataDir = options.dataDir;
    this.endpoint = `127.0.0.1:${options.clientPort}`;
    this.clientUrl = `http://${this.endpoint}`;
    this.peerUrl = `http://127.0.0.1:${options.advertisedPeerPort}`;
  }

  get isRunning(): boolean {
    return this.process?.isRunning ?? false;
  }

  get pid(): number {
    assert(this.process !== undefined, `${this.name} was never started`);
    return this.process.pid;
  }

  async start(): Promise<void> {
    assert(!this.isRunning, `${this.name} is already running`);
    const started = new MemberProcess(
      this.name,
      this.options.launcher.command(this.options.flags, this.options.env),
    );
    this.process = started;
    await started.waitForLine(/ready to serve client requests/);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<ProcessExit> {
    const { process: started } = this;
    assert(started !== undefined, `${this.name} was never started`);
    started.signal(signal);
    // A paused process takes SIGKILL at once, any other signal only after it goes on.
    if (signal !== "SIGKILL") started.signal("SIGCONT");
    return await started.exited;
  }

  ended(): Promise<ProcessExit> {
    assert(this.process !== undefined, `${this.name} was never started`);
    return this.process.exited;
  }

  pause(): void {
    this.process?.signal("SIGSTOP");
  }

  resume(): void {
    this.process?.signal("SIGCONT");
  }

  log(): readonly string[] {
    return this.process?.log() ?? [];
  }

  logPosition(): number {
    return this.process?.lineCount() ?? 0;
  }

  waitForLog(pattern: RegExp, from = 0): Promise<string> {
    assert(this.process !== undefined, `${this.name} was never started`);
    return this.process.waitForLine(pattern, from);
  }
}

/** Starts `size` members with a static bootstrap; resolves when all of them serve clients. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const ports: number[] = [];
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), `etcd-ts-${options.runner}-`));
  const prepared: MemberOptions[] = [];
  const members: ProcessMember[] = [];
  const make = async (kind: MemberKind): Promise<void> => {
    const bare = await launcherOf(kind);
    const { wrap = (command) => command } = options;
    const launcher: Launcher = { command: (flags, env) => wrap(bare.command(flags, env)) };
    const [clientPort, peerPort] = await reservePorts(2);
    ports.push(clientPort!, peerPort!);
    const name = `m${members.length + 1}`;
    prepared.push({
      name,
      dataDir: join(folder, name),
      clientPort: clientPort!,
      peerPort: peerPort!,
      advertisedPeerPort: (await options.peerFront?.(peerPort!)) ?? peerPort!,
      kind,
      launcher,
      env: { ...process.env, ...options.env, ...options.memberEnv?.(name) },
      flags: [],
    });
    members.push(new ProcessMember(prepared.at(-1)!));
  };
  const configure = (
    at: number,
    state: "new" | "existing",
    present: readonly ClusterMember[],
  ): void => {
    const member = members[at]!;
    const initialCluster = present.map((one) => `${one.name}=${one.peerUrl}`).join(",");
    prepared[at]!.flags = [
      `--name=${member.name}`,
      `--data-dir=${member.dataDir}`,
      `--listen-client-urls=${member.clientUrl}`,
      `--advertise-client-urls=${member.clientUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${prepared[at]!.peerPort}`,
      `--initial-advertise-peer-urls=${member.peerUrl}`,
      ...(state === "new" && options.bootstrap !== undefined
        ? options.bootstrap.flags(member)
        : [`--initial-cluster=${initialCluster}`, "--initial-cluster-token=etcd-ts-test"]),
      `--initial-cluster-state=${state}`,
      ...(options.flags ?? []),
      ...(options.kindFlags?.[prepared[at]!.kind] ?? []),
    ];
  };
  const stop = async (): Promise<void> => {
    await Promise.all(members.filter((member) => member.isRunning).map((member) => member.kill()));
    releasePorts(ports);
    if (options.keepData !== true) rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (let i = 0; i < options.size; i++) await make(options.runners?.[i] ?? options.runner);
    await options.bootstrap?.prepare?.(members);
    for (const i of members.keys()) configure(i, "new", members);
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    runner: options.runner,
    members,
    newMember: async (kind, present) => {
      await make(kind);
      const fresh = members.at(-1)!;
      configure(members.length - 1, "existing", [...present, fresh]);
      return fresh;
    },
    replace: (member, present) => {
      assert(!member.isRunning, `${member.name} still runs`);
      rmSync(member.dataDir, { recursive: true, force: true });
      const at = members.findIndex(({ name }) => name === member.name);
      configure(at, "existing", present);
    },
    endpoints: () => members.map((member) => member.endpoint),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
