// A member of ours and one of the reference, side by side from their birth: what is done to one is done
// to the other, so that revisions stay equal for as long as they answer alike. Both advertise one peer
// URL, so that member and cluster have equal IDs too.
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { differenceAt } from "./comparison.ts";
import type { Coverage } from "./coverage.ts";
import { maxRequestBytes, maxTxnOps } from "./limits.ts";
import { SELF } from "./mapping.ts";
import { pause, Side } from "./side.ts";
import type { Step } from "./step.ts";
import { sentinelKey } from "./watching.ts";

/** How the two differed. */
export interface Difference {
  /** Where in the answer. */
  readonly at: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** Small limits, so that a test can reach them. */
const flags = [
  "--advertise-client-urls=http://127.0.0.1:2379",
  `--max-request-bytes=${maxRequestBytes}`,
  `--max-txn-ops=${maxTxnOps}`,
  "--watch-progress-notify-interval=150ms",
  "--bcrypt-cost=4",
  // Nobody else is there whose silence an election could be about; the least life of a lease is made
  // of this: one second.
  "--heartbeat-interval=100",
  "--election-timeout=500",
  // Nobody crashes.
  "--unsafe-no-fsync",
];

const POLL_MS = 5;
/** Lines of a member's log that a broken run tells: a goroutine's trace has some dozens. */
const loggedLines = 80;
const WAIT_MS = 8000;
const SETTLE_MS = 2000;

/** How users are known: by tokens that a member keeps, or by signed ones, which name the revision of users. */
export type TokenKind = "simple" | "jwt";

let keyFolder: string | undefined;

/** --auth-token for signed tokens; the key is made once a process, and goes with it. */
function signedTokens(): string {
  if (keyFolder === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-jwt-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const priv = privateKey.export({ type: "sec1", format: "pem" });
    writeFileSync(join(folder, "key"), priv, { mode: 0o600 });
    writeFileSync(join(folder, "pub"), publicKey.export({ type: "spki", format: "pem" }));
    keyFolder = folder;
  }
  const [pub, priv] = ["pub", "key"].map((name) => join(keyFolder!, name));
  return `jwt,pub-key=${pub},priv-key=${priv},sign-method=ES256,ttl=1h`;
}

/** Both members. */
export class Pair {
  readonly ours: Side;
  readonly theirs: Side;
  readonly tokens: TokenKind;
  private readonly clusters: readonly Cluster[];
  private readonly peerPort: number;
  /** What is played is counted here. */
  coverage: Coverage | undefined;

  private constructor(tokens: TokenKind, clusters: readonly Cluster[], peerPort: number) {
    this.tokens = tokens;
    this.clusters = clusters;
    this.peerPort = peerPort;
    const [ours, theirs] = clusters.map((cluster) => new Side(cluster.members[0]!.clientUrl));
    this.ours = ours!;
    this.theirs = theirs!;
  }

  /** Starts both; `env` is for ours alone. */
  static async start(tokens: TokenKind, env: NodeJS.ProcessEnv = {}): Promise<Pair> {
    const [peerPort] = await reservePorts(1);
    const start = (kind: "ours" | "reference"): Promise<Cluster> =>
      startCluster({
        runner: kind,
        size: 1,
        flags: [...flags, `--auth-token=${tokens === "jwt" ? signedTokens() : "simple"}`],
        peerFront: async () => peerPort!,
        ...(kind === "ours" ? { env } : {}),
      });
    const started = await Promise.allSettled([start("ours"), start("reference")]);
    const clusters = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = started.find((one) => one.status === "rejected");
    if (failed !== undefined) {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
      throw failed.reason;
    }
    const pair = new Pair(tokens, clusters, peerPort!);
    try {
      await pair.meet();
      await pair.reset();
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  /** Learns who they are, and waits until they are as they will stay. */
  private async meet(): Promise<void> {
    await this.both(async (side) => {
      const { header } = await side.ask<{ header: { memberId: bigint; clusterId: bigint } }>(
        "KV/Range",
        { key: sentinelKey },
      );
      const { peerUrl } = this.clusters[0]!.members[0]!;
      side.mapping.bindSelf(header.memberId, header.clusterId, peerUrl);
      // The version of a young cluster is not agreed on at once.
      for (let ms = 0; ms < WAIT_MS; ms += POLL_MS) {
        const { storageVersion } = await side.ask<{ storageVersion: string }>(
          "Maintenance/Status",
          {},
        );
        if (storageVersion === "3.7.0") return;
        await pause(POLL_MS);
      }
    });
  }

  /** Whether steps go through the gateway from now on. */
  useJson(isOn: boolean): void {
    this.ours.usesJson = this.theirs.usesJson = isOn;
  }

  async stop(): Promise<void> {
    this.ours.close();
    this.theirs.close();
    await Promise.all(this.clusters.map((cluster) => cluster.stop()));
    releasePorts([this.peerPort]);
  }

  /** What the members printed last, ours first. */
  logs(): readonly (readonly string[])[] {
    return this.clusters.map((cluster) => cluster.members[0]!.log().slice(-loggedLines));
  }

  private both<T>(run: (side: Side) => Promise<T>): Promise<[T, T]> {
    return Promise.all([run(this.ours), run(this.theirs)]);
  }

  /** A sequence begins: its revisions count from here. */
  private async begin(): Promise<void> {
    const [ours, theirs] = await this.both((side) => side.currentRevision());
    if (ours !== theirs) {
      throw new OperatingError("OUT_OF_STEP", `revision ${ours} here and ${theirs} there`);
    }
    for (const side of [this.ours, this.theirs]) side.mapping.begin(ours);
  }

  /** Plays a step on both; undefined if they answered alike. */
  async play(step: Step): Promise<Difference | undefined> {
    await this.before(step);
    const [ours, theirs] = await this.both((side) => side.play(step));
    this.coverage?.count(step, theirs);
    const at = differenceAt(ours, theirs);
    if (at !== undefined) return { at, ours, theirs };
    if (step.do === "call" && step.rpc === "KV/Compact" && theirs.code === 0) {
      await this.both((side) =>
        side.compacted(side.mapping.resolve(step.request)["revision"] as number),
      );
    }
    if (step.do === "settle") return await this.settle();
    if (step.do === "abort") return await this.abort(step.name);
    if (step.do === "call" && changesLeader.has(step.rpc)) return await this.observers();
    if (step.do === "begin" || step.do === "finish") return await this.observers();
    return undefined;
  }

  /** What ends watches, or what they read, waits until they have read. */
  private async before(step: Step): Promise<void> {
    if (step.do === "call" && step.rpc === "KV/Compact") {
      await this.both((side) => side.catchUp());
    } else if (step.do === "watchCancel") await this.reach(step.stream);
    else if (step.do === "call" && step.rpc === "Cluster/MemberAdd") await sameSecond();
  }

  /** Writes the sentinel on both and waits until it has come everywhere. */
  private async reach(stream?: number): Promise<Difference | undefined> {
    if (!this.ours.hasStreams()) return undefined;
    const [ours, theirs] = await this.both(async (side) => {
      const revision = await side.writeSentinel();
      // Without it there is nothing to wait by.
      if (revision === undefined) return { revision: "refused", reached: true };
      return { revision, reached: await side.reach(revision, stream) };
    });
    const at = differenceAt(ours, theirs);
    return at === undefined ? undefined : { at: `sentinel${at}`, ours, theirs };
  }

  private async settle(): Promise<Difference | undefined> {
    const difference = await this.reach();
    let [ours, theirs] = [this.ours.view(), this.theirs.view()];
    let at = differenceAt(ours, theirs);
    // Ends of watches have no order among the others' events.
    for (let ms = 0; ms < SETTLE_MS && at !== undefined; ms += POLL_MS) {
      await pause(POLL_MS);
      [ours, theirs] = [this.ours.view(), this.theirs.view()];
      at = differenceAt(ours, theirs);
    }
    this.ours.forgetView();
    this.theirs.forgetView();
    return at === undefined ? difference : { at: `streams${at}`, ours, theirs };
  }

  private async abort(name: string): Promise<Difference | undefined> {
    const before = this.theirs.revision;
    const queued = [this.ours.abort(name), this.theirs.abort(name)];
    if (queued.includes(true)) {
      await this.both(async (side) => {
        for (let ms = 0; ms < 1500; ms += POLL_MS) {
          if ((await side.currentRevision()) > before) return;
          await pause(POLL_MS);
        }
      });
    }
    const [ours, theirs] = await this.both((side) => side.currentRevision());
    return ours === theirs ? undefined : { at: "revision after a cancel", ours, theirs };
  }

  /** Those who observe an election or the health see the same in the end. */
  private async observers(): Promise<Difference | undefined> {
    let [ours, theirs] = [this.ours.observed(), this.theirs.observed()];
    for (let ms = 0; ms < WAIT_MS; ms += POLL_MS) {
      if (differenceAt(ours, theirs) === undefined) return undefined;
      await pause(POLL_MS);
      [ours, theirs] = [this.ours.observed(), this.theirs.observed()];
    }
    return { at: `observed${differenceAt(ours, theirs)}`, ours, theirs };
  }

  /** Compares everything that the sequence left. */
  async end(): Promise<Difference | undefined> {
    // It was cut off within an episode of authentication.
    const root = { name: "root", password: "root" };
    const login: Step = { do: "call", rpc: "Auth/Authenticate", request: root, keepAs: "root" };
    const disable: Step = { do: "call", rpc: "Auth/AuthDisable", request: {}, as: "root" };
    for (const step of [login, disable]) {
      const difference = await this.play(step);
      if (difference !== undefined) return difference;
    }
    const difference =
      (await this.play({ do: "settle" })) ??
      (await this.observers()) ??
      (await this.compareState());
    return difference;
  }

  private async compareState(): Promise<Difference | undefined> {
    const calls: readonly Step[] = [
      { do: "call", rpc: "KV/Range", request: { key: Buffer.of(0), rangeEnd: Buffer.of(0) } },
      { do: "call", rpc: "Lease/LeaseLeases", request: {} },
      { do: "call", rpc: "Cluster/MemberList", request: {} },
      { do: "call", rpc: "Maintenance/Alarm", request: {} },
      { do: "call", rpc: "Maintenance/Status", request: {} },
      { do: "call", rpc: "Maintenance/HashKV", request: {} },
    ];
    for (const step of calls) {
      const hashed = step.do === "call" && step.rpc === "Maintenance/HashKV";
      // An ID that a member chose is hashed with the pair that it stands in.
      if (hashed && this.theirs.mapping.hasChosenIds) continue;
      const difference = await this.play(step);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  /** Makes both empty again; throws OUT_OF_STEP if that leaves them at different revisions. */
  async reset(): Promise<void> {
    const names = [...new Set([...this.ours.pending(), ...this.theirs.pending()])];
    for (const name of names) await this.abort(name);
    await this.both(async (side) => side.closeAll());
    await this.inStep();
    await this.both(empty);
    const [ours] = await this.both((side) => side.currentRevision());
    // A sequence may have compacted up to its end.
    const request = { revision: ours, physical: true };
    await this.both((side) => side.play({ do: "call", rpc: "KV/Compact", request }));
    await this.begin();
  }

  /** What was cancelled may leave its key a moment later. */
  private async inStep(): Promise<void> {
    for (let ms = 0; ms < 1000; ms += POLL_MS) {
      const [ours, theirs] = await this.both((side) => side.currentRevision());
      if (ours === theirs) return;
      await pause(POLL_MS);
    }
  }
}

/** IDs of members are made of the second in which they are added: both shall do it in one. */
async function sameSecond(): Promise<void> {
  const left = 1000 - (Date.now() % 1000);
  if (left < 250) await pause(left + 5);
}

const changesLeader: ReadonlySet<string> = new Set([
  "Election/Campaign",
  "Election/Proclaim",
  "Election/Resign",
]);

/** Takes everything away that a sequence may have left on a member. */
async function empty(side: Side): Promise<void> {
  const { enabled } = await side.ask<{ enabled: boolean }>("Auth/AuthStatus", {});
  if (enabled) await side.ask("Auth/AuthDisable", {});
  side.forgetTokens();
  const { users } = await side.ask<{ users: string[] }>("Auth/UserList", {});
  for (const name of users) await side.ask("Auth/UserDelete", { name });
  const { roles } = await side.ask<{ roles: string[] }>("Auth/RoleList", {});
  for (const role of roles) await side.ask("Auth/RoleDelete", { role });
  const { alarms } = await side.ask<{ alarms: { memberID: bigint; alarm: number }[] }>(
    "Maintenance/Alarm",
    {},
  );
  for (const alarm of alarms) await side.ask("Maintenance/Alarm", { ...alarm, action: 2 });
  await side.ask("KV/DeleteRange", { key: Buffer.of(0), rangeEnd: Buffer.of(0) });
  const { leases } = await side.ask<{ leases: { ID: bigint }[] }>("Lease/LeaseLeases", {});
  for (const { ID } of leases) await side.ask("Lease/LeaseRevoke", { ID });
  const { members } = await side.ask<{ members: { ID: bigint }[] }>("Cluster/MemberList", {});
  const self = side.mapping.actualOf(SELF);
  for (const { ID } of members) if (ID !== self) await side.ask("Cluster/MemberRemove", { ID });
}
