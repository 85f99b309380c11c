// Finding the first members through a registry: everyone registers under a token, the first so many
// begin the cluster (facts: v2 API §7, §8). One procedure for both kinds of registry, the keys of a v2
// URL and those of a v3 token.
//
// Invariant: whoever returns members returns the same ones, for they are the first by order of
// creation, which never changes. A member that is not among them is refused.
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { type InitialMembers, parseInitialCluster } from "#server/config/bootstrap.ts";
import { pause } from "#server/discovery/same-hosts.ts";

/** One member in a registry. */
export interface Registration {
  /** Member ID in hexadecimal. */
  readonly id: string;
  /** `name=url[,name=url…]` */
  readonly value: string;
  /** Ascending by time of creation. */
  readonly order: number;
}

export interface RegistryList {
  readonly members: readonly Registration[];
  /** What `changed` waits from. */
  readonly position: number;
}

/**
 * A registry under one token. Failures that trying again cannot mend are DiscoveryRefusal, all
 * others are taken for passing.
 */
export interface Registry {
  /** True if registering twice does no harm; if not, an ID that is there is another member's. */
  readonly replaces: boolean;
  /** What the operator set as the size; undefined if nothing. */
  size(): Promise<string | undefined>;
  list(): Promise<RegistryList>;
  /** Enters a member; "exists" if there is one with this ID and the registry does not replace it. */
  register(id: string, value: string): Promise<"registered" | "exists">;
  /** Resolves at the next change behind `position`, or earlier. */
  changed(position: number): Promise<void>;
  close(): void;
}

/** What a service wrote, for an error: its beginning. */
export function shown(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`;
}

/** A failure that is final, in etcd's words. */
export class DiscoveryRefusal extends OperatingError {
  constructor(reason: string, hint: string) {
    super("DISCOVERY_FAILED", `failed to join discovery cluster (${reason}): ${hint}`);
  }
}

/** Outlives the process: a first start that was cut short finds its registration again. */
export interface RegistrationMark {
  /** True if this member set out to register under this token before. */
  isSet(): Promise<boolean>;
  set(): Promise<void>;
}

export interface RegistryPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly mark: RegistrationMark;
}

const maxBackoffDoublings = 8;
const shownCharacters = 500;
/** Before the registry is asked again though nobody came: it may say "changed" all the time. */
const unchangedMs = 1000;
const maxSize = 1024;

/** Registers `self` and waits for the others. Tries for ever while the registry does not answer. */
export async function joinByRegistry(
  registry: Registry,
  self: { readonly id: string; readonly value: string },
  ports: RegistryPorts,
): Promise<InitialMembers> {
  return await new Joining(registry, self, ports).run();
}

interface ClusterSoFar extends RegistryList {
  readonly size: number;
}

class Joining {
  readonly #registry: Registry;
  readonly #self: { readonly id: string; readonly value: string };
  readonly #ports: RegistryPorts;
  #failures = 0;

  constructor(
    registry: Registry,
    self: { readonly id: string; readonly value: string },
    ports: RegistryPorts,
  ) {
    this.#registry = registry;
    this.#self = self;
    this.#ports = ports;
  }

  async run(): Promise<InitialMembers> {
    await this.#register(await this.#check());
    let cluster = await this.#check();
    for (;;) {
      const { members, position, size } = cluster;
      if (members.length >= size) break;
      const fields = { "cluster-size": size, "found-peers": members.length };
      this.#ports.log.info(fields, "waiting for peers from discovery service");
      await this.#attempt("waiting for other nodes", () => this.#registry.changed(position));
      cluster = await this.#check();
      if (cluster.members.length === members.length) await pause(this.#ports.clock, unchangedMs);
    }
    return firstMembers(cluster);
  }

  /** Size and members; refuses if the cluster is complete without this member. */
  async #check(): Promise<ClusterSoFar> {
    const cluster = await this.#attempt("cluster status check", async () => {
      const size = readSize(await this.#registry.size());
      const { members, position } = await this.#registry.list();
      return { size, position, members: [...members].sort((a, b) => a.order - b.order) };
    });
    const place = cluster.members.findIndex((one) => one.id === this.#self.id);
    const isComplete = cluster.members.length >= cluster.size;
    if (place >= cluster.size || (place < 0 && isComplete)) {
      throw new DiscoveryRefusal(
        "discovery: cluster is full",
        `its ${cluster.size} members have registered; make a new token, or add this member to the running cluster`,
      );
    }
    return cluster;
  }

  async #register(before: ClusterSoFar): Promise<void> {
    const { id, value } = this.#self;
    const { log, mark } = this.#ports;
    const duplicate = () =>
      new DiscoveryRefusal(
        "discovery: found duplicate id",
        `member ${id} has registered before; make a new token, or start with the data folder of then`,
      );
    const isOurs = this.#registry.replaces || (await mark.isSet());
    if (!isOurs) {
      if (before.members.some((one) => one.id === id)) throw duplicate();
      // Before the entry: if this process ends in between, the next one knows whose the entry is.
      await mark.set();
    }
    let tries = 0;
    const result = await this.#attempt("register member itself", () => {
      tries++;
      return this.#registry.register(id, value);
    });
    if (result === "exists" && !isOurs && tries === 1) throw duplicate();
    log.info({ "member-id": id, "member-info": value }, "register member itself successfully");
  }

  async #attempt<T>(step: string, run: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#ports;
    for (;;) {
      try {
        const result = await run();
        this.#failures = 0;
        return result;
      } catch (error) {
        if (error instanceof DiscoveryRefusal) throw error;
        this.#failures++;
        const seconds = 2 ** Math.min(this.#failures, maxBackoffDoublings);
        const fields = { reason: step, backoff: `${seconds}s`, error: errorText(error) };
        log.warn(fields, "retry connecting to discovery service");
        await pause(clock, seconds * 1000);
      }
    }
  }
}

function readSize(text: string | undefined): number {
  if (text === undefined) {
    throw new DiscoveryRefusal(
      "discovery: size key not found",
      "set the number of members under the token's _config/size first",
    );
  }
  const size = /^\+?\d{1,9}$/.test(text) ? Number(text) : 0;
  if (size > 0 && size <= maxSize) return size;
  throw new DiscoveryRefusal(
    "discovery: size key is bad",
    `${JSON.stringify(text.slice(0, 40))} is not a number of members (1 to ${maxSize})`,
  );
}

function firstMembers(cluster: ClusterSoFar): InitialMembers {
  const { members, size } = cluster;
  const text = members
    .slice(0, size)
    .map((one) => one.value)
    .join(",");
  const parsed = parseInitialCluster(text);
  if (!parsed.ok) {
    throw new DiscoveryRefusal(
      "discovery: invalid peer URL",
      `a member registered as ${shown(text)}`,
    );
  }
  if (parsed.members.size !== size) {
    throw new DiscoveryRefusal(
      "discovery: found duplicate name",
      `two members of ${shown(text)} have one --name; make a new token and start them with different names`,
    );
  }
  return parsed.members;
}
