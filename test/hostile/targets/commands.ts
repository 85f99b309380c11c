// Replicated commands as a leader of a mixed cluster could send them: right, odd and bent ones, and
// changes of membership, applied by two members. One answers its clients; the other does not, and
// starts anew from its records now and then. Both must come to the same, or stop at the same entry with
// the same words.
import { Buffer } from "node:buffer";
import { crc32c } from "@node-rs/crc32";
import { InvariantError } from "#base/assert.ts";
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { ConfChange, type Entry, EntryType } from "#proto/gen/raft.ts";
import { WireError } from "#proto/wire.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { Applier } from "#server/apply/applier.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { AuthStore } from "#server/auth/auth-store.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { MemberJsonError } from "#server/membership/member-json.ts";
import { Members } from "#server/membership/members.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { WatchHub } from "#server/mvcc/watch-hub.ts";
import { ApplyTurn } from "#server/node/apply-turn.ts";
import { loadSmallBuckets, readApplied } from "#server/node/boot-state.ts";
import { MembershipChanges } from "#server/node/membership-changes.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { SlowApplies } from "#server/node/slow-applies.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthPorts } from "#test/fakes/auth.ts";
import { bend, MessageGenerator, pick } from "../generate.ts";
import { Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { type FieldShape, readWireSchema } from "../wire-schema.ts";

const schema = readWireSchema();
const commandFields = schema.messages.get("InternalRaftRequest")!;
const payloadFields = commandFields.filter(({ name }) => name !== "header" && name !== "ID");

const keys = ["a", "b", "c", "k", "\0", "key", "key/1", "\u007f"];
const names = ["root", "u", "v", "", "__proto__"];

/** Names that meet what other commands made. */
function special(field: FieldShape, random: Random): string | bigint | undefined {
  if (random.chance(0.1)) return undefined;
  switch (field.name) {
    case "ID":
    case "lease":
      return BigInt(random.below(6));
    case "key":
    case "range_end":
      return pick(random, keys);
    case "revision":
    case "mod_revision":
    case "create_revision":
    case "version":
      return BigInt(random.below(40));
    case "name":
    case "user":
    case "role":
    case "username":
      return pick(random, names);
    case "auth_revision":
      return BigInt(random.below(12));
    case "memberID":
      return BigInt(random.below(4));
    case "ver":
      return pick(random, ["3.5.0", "3.6.0", "3.7.0"]);
    default:
      return undefined;
  }
}

const generator = new MessageGenerator(schema, special);

/** One command: a payload, sometimes two, with a header. */
function commandBytes(random: Random): Buffer {
  const fields = [pick(random, payloadFields)];
  if (random.chance(0.03)) fields.push(pick(random, payloadFields));
  const header = commandFields.find(({ name }) => name === "header")!;
  // Enabling authentication refuses nearly all that follows: seldom.
  if (fields[0]!.name === "auth_enable" && random.chance(0.8)) fields[0] = commandFields[3]!;
  return generator.only(random.chance(0.95) ? [header, ...fields] : fields, random);
}

const own = 1n as MemberId;

function memberText(random: Random): string {
  const id = random.below(4);
  const urls = JSON.stringify([`http://h:${random.below(5)}`]);
  const rest = random.chance(0.3) ? ',"isLearner":true' : "";
  const promote = random.chance(0.2) ? ',"isPromote":true' : "";
  return `{"id":${id},"peerURLs":${urls}${rest}${promote}}`;
}

interface Parts {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly members: Members;
  readonly auth: AuthStore;
  readonly alarms: Alarms;
  readonly turn: ApplyTurn;
  readonly pending: PendingProposals;
}

/** A member without raft: what is committed is handed to it. */
class Replayer {
  private backend = new MemoryBackend();
  private parts!: Parts;
  private fatal: unknown;
  readonly answers: boolean;

  constructor(answers: boolean) {
    this.answers = answers;
  }

  /** Takes up what the records hold. */
  async open(): Promise<void> {
    const { backend } = this;
    const lessor = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
    const members = new Members(2);
    const alarms = new Alarms();
    const auth = new AuthStore(fakeAuthPorts());
    const capabilities = new Capabilities(own);
    const v2 = new V2Store();
    await loadSmallBuckets(backend, { members, alarms, auth, lessor, capabilities, v2 });
    if (this.answers) lessor.promote(0, 0);
    const pause = async (): Promise<void> => {};
    const store = await MvccStore.load(backend, lessor, { crc32c, pause, cacheBytes: 1 << 20 });
    const pending = new PendingProposals(7000);
    const changes = new MembershipChanges({
      memberId: own,
      clock: systemClock,
      log: silentLog,
      members,
      raft: { applyConfChange: () => members.confState() },
      peers: { addPeer: () => {}, updatePeer: () => {}, removePeer: () => {} },
      forgetLog: () => {},
      onRemoved: () => {},
    });
    // A removed member would stop in a second.
    changes.stop();
    const applier = new Applier({
      ...{ store, alarms, auth, members, capabilities, v2, leases: lessor },
      quotaBytes: 200_000,
      persistCheckpoints: false,
      sizeBytes: () => backend.sizeBytes(),
      monotonicMs: () => 0,
    });
    const { index, term } = await readApplied(backend);
    const turn = new ApplyTurn(
      {
        ...{ applier, store, pending },
        hub: new WatchHub(store, { pause }),
        backend: () => backend,
        applyConfChange: (change, batch) => changes.apply(change, batch),
        emptyEntry: () => {},
        applied: () => {},
        slow: new SlowApplies(Number.POSITIVE_INFINITY, silentLog),
        monotonicMs: () => 0,
        fatal: (error) => {
          this.fatal = error;
        },
      },
      index,
      term,
    );
    this.parts = { store, lessor, members, auth, alarms, turn, pending };
  }

  async restart(): Promise<void> {
    this.backend = this.backend.reopen();
    await this.open();
  }

  /** Applies one entry; what its proposer was told, or why the member stops. */
  async apply(entry: Entry, id: bigint): Promise<{ told?: string; stops?: unknown }> {
    const { turn, pending } = this.parts;
    let told: string | undefined;
    if (this.answers) {
      pending.wait(id, 0).then(
        () => {
          told = "served";
        },
        (error: Error) => {
          told = error.message;
        },
      );
    }
    try {
      await turn.apply([entry]);
      turn.advanced();
      await turn.flushed();
      if (this.fatal !== undefined) return { stops: this.fatal };
    } catch (error) {
      return { stops: error };
    }
    pending.settle(id, {}, false);
    await new Promise(setImmediate);
    return told === undefined ? {} : { told };
  }

  async compact(): Promise<void> {
    const { store } = this.parts;
    while (store.compacting) {
      if (store.compactionHash === "wanted")
        await store.computeCompactionHash({ pause: async () => {}, isOver: () => false });
      const batch = this.backend.newBatch();
      store.compactStep(batch, 100);
      if (batch.opCount > 0) await this.backend.write(batch, { sync: false });
      store.compactionWritten();
    }
  }

  /** All that a member keeps, and what it makes of it. */
  async print(): Promise<readonly string[]> {
    const lines: string[] = [];
    const view = this.backend.scanAll({ withShared: true });
    for (let slice = await view.next(1000); slice.length > 0; slice = await view.next(1000)) {
      for (const [bucket, key, value] of slice) {
        // A password of etcd 3.4 is hashed by each member with a salt of its own.
        const shown = bucket === "authUsers" ? "" : toHex(value);
        lines.push(`${bucket} ${toHex(key)} ${shown}`);
      }
    }
    await view.close();
    const { store, lessor, members, auth, alarms } = this.parts;
    const { hash, compactRevision } = await store.hashNow(store.currentRevision);
    lines.push(`hash ${hash} at ${store.currentRevision}, compacted ${compactRevision}`);
    for (const { id, grantedTtlSeconds } of lessor
      .list(0)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)))
      lines.push(`lease ${id} ${grantedTtlSeconds} ${lessor.keysOf(id)?.map(toHex)}`);
    lines.push(`members ${JSON.stringify(members.list(), bigintText)} ${members.clusterVersion}`);
    lines.push(`auth ${auth.isEnabled} ${auth.revision} ${auth.userNames()} ${auth.roleNames()}`);
    lines.push(
      `alarms ${alarms
        .list(0)
        .map((one) => `${one.memberID} ${one.alarm}`)
        .sort()}`,
    );
    return lines;
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const bigintText = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

/** Ways to stop that say why. Everything else is a mistake of ours. */
function isClear(error: unknown): boolean {
  return (
    error instanceof OperatingError ||
    error instanceof WireError ||
    error instanceof MemberJsonError ||
    error instanceof InvariantError
  );
}

class CommandRounds implements Rounds {
  async play(random: Random, tally: Tally): Promise<void> {
    const leader = new Replayer(true);
    const follower = new Replayer(false);
    await leader.open();
    await follower.open();
    let index = 0;
    for (let left = 10 + random.below(60); left > 0; left--) {
      const entry = this.entry(++index, random, tally);
      const id = idOf(entry);
      const [one, other] = [await leader.apply(entry, id), await follower.apply(entry, id)];
      const shown = `entry ${toHex(entry.data)} of type ${entry.type}`;
      if ("stops" in one || "stops" in other) {
        const [a, b] = [errorText(one.stops), errorText(other.stops)];
        if (a !== b) throw new Finding(`${shown}: one member says ${a}, the other ${b}`);
        if (!isClear(one.stops)) throw new Finding(`${shown} stops a member`, { cause: one.stops });
        tally.add("stopped");
        tally.add(`stopped: ${a.replaceAll(/\d+/g, "N").slice(0, 60)}`);
        return;
      }
      tally.add(one.told === "served" ? "served" : "refused");
      if (random.chance(0.1)) await Promise.all([leader.compact(), follower.compact()]);
      if (random.chance(0.05)) {
        await follower.restart();
        tally.add("restarted");
      }
      if (random.chance(0.1)) await this.compare(leader, follower, shown);
    }
    await leader.compact();
    await follower.compact();
    await follower.restart();
    await this.compare(leader, follower, "the last entry");
  }

  private entry(index: number, random: Random, tally: Tally): Entry {
    const { EntryConfChange, EntryNormal } = EntryType;
    const term = 1 + Math.floor(index / 10);
    if (random.chance(0.05)) {
      const change: ConfChange = {
        id: BigInt(index),
        type: random.below(4) as ConfChange["type"],
        nodeId: BigInt(random.below(4)),
        context: Buffer.from(memberText(random)),
      };
      const json = /"id":(\d)/.exec(text(change.context))?.[1];
      if (random.chance(0.9)) change.nodeId = BigInt(json ?? 0);
      let data: Uint8Array = ConfChange.encode(change).finish();
      if (random.chance(0.03)) data = bend(Buffer.from(data), random);
      return { index, term, type: EntryConfChange, data };
    }
    let data = commandBytes(random);
    if (random.chance(0.03)) {
      data = bend(data, random, commandBytes(random));
      tally.add("bent");
    }
    return { index, term, type: EntryNormal, data };
  }

  private async compare(leader: Replayer, follower: Replayer, after: string): Promise<void> {
    const [one, other] = [await leader.print(), await follower.print()];
    const at = one.findIndex((line, i) => line !== other[i]);
    if (at < 0 && one.length === other.length) return;
    const line = Math.max(at, 0);
    throw new Finding(`after ${after} two members differ: ${one[line]} against ${other[line]}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The ID under which its proposer waits. */
function idOf(entry: Entry): bigint {
  try {
    if (entry.type === EntryType.EntryConfChange) return ConfChange.decode(entry.data).id;
    return decodeCommand(entry.data)?.header.id ?? 0n;
  } catch {
    return 0n;
  }
}

export const commandsTarget: Target = {
  name: "commands",
  rounds: 20,
  about: "replicated commands and changes of membership, applied by two members",
  open: async () => new CommandRounds(),
};
