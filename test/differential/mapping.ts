// The one place where the two members' answers are made comparable: stand-ins for IDs and revisions in
// requests, what of an answer is an ID, a term, an index, a size or a time, and what differs on
// purpose. Whatever is not named here is compared as it came.
import { assertDefined, differenceAt } from "./comparison.ts";
import { differences } from "./differences.ts";

/** Stand-ins for revisions: this plus an offset from the revision that the sequence began at. */
const REVISION = 2 ** 44;
const REVISION_SPAN = 2 ** 20;
/** Stand-ins for IDs that a member chooses, by number. */
const ALIAS = 0x6d00_0000_0000_0000n;
const ALIAS_SPAN = 1n << 20n;
/** The stand-in for the member's own ID, and for the cluster's. */
export const SELF = ALIAS - 1n;
const CLUSTER = ALIAS - 2n;

/** The revision that lies `offset` behind the one that the sequence began at. */
export function revisionAt(offset: number): number {
  return REVISION + offset;
}

/** Stand-in number `at` for an ID of a lease or member that the members choose. */
export function aliasAt(at: number): bigint {
  return ALIAS + BigInt(at);
}

/** The stand-in for the peer URL that both advertise. */
export const SELF_URL = "http://self.invalid:2380";

function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

/** Fields of answers that hold terms, raft indexes, sizes and times: any value but none will do. */
const blurred: ReadonlySet<string> = new Set([
  "raftTerm",
  "raftIndex",
  "raftAppliedIndex",
  "dbSize",
  "dbSizeInUse",
  "blob",
  "token",
]);

/** Makes room for a row of differences.ts: what follows is of that row alone. */
function makesRoom(name: DifferenceName): boolean {
  return differences[name].room === "mapped";
}

type DifferenceName = keyof typeof differences;

/** True of an ID as members choose them, between what steps name. */
function isUntold(id: bigint): boolean {
  const isStandIn = id >= CLUSTER && id < ALIAS + ALIAS_SPAN;
  return id > 1n << 40n && id < 0x7fff_ffff_0000_0000n && !isStandIn;
}

type Values = Readonly<Record<string, unknown>>;

/** Fields that ranges are sorted by, by the number of the target. */
const sortedBy = ["key", "version", "createRevision", "modRevision", "value"];

/** Puts pairs that a range may answer in any order, as equal in what it sorts by, in that of keys. */
function orderTies(request: Values, answer: Values): void {
  const { sortTarget = 0, keysOnly } = request as { sortTarget?: number; keysOnly?: boolean };
  const field = sortedBy[sortTarget];
  const kvs = answer["kvs"] as Record<string, Uint8Array>[] | undefined;
  if (kvs === undefined || field === undefined || sortTarget === 0) return;
  if (!makesRoom("tiedOrder")) return;
  // Sorted by values that are left out.
  const isHidden = field === "value" && keysOnly === true;
  const isTied = (a: Values, b: Values): boolean =>
    isHidden || differenceAt(a[field], b[field]) === undefined;
  for (let from = 0, to = 0; from < kvs.length; from = to) {
    while (to < kvs.length && isTied(kvs[from]!, kvs[to]!)) to++;
    const tied = kvs.slice(from, to).sort((a, b) => Buffer.compare(a["key"]!, b["key"]!));
    kvs.splice(from, tied.length, ...tied);
  }
}

interface Union {
  readonly $case: string;
  readonly value: Values;
}

function orderTxn(request: Values, answer: Values): void {
  const ops = (request[answer["succeeded"] === true ? "success" : "failure"] ?? []) as Values[];
  const responses = (answer["responses"] ?? []) as Values[];
  for (const [i, one] of responses.entries()) {
    const op = ops[i]?.["request"] as Union | undefined;
    const response = one["response"] as Union | undefined;
    if (op === undefined || response === undefined) continue;
    if (op.$case === "requestRange") orderTies(op.value, response.value);
    if (op.$case === "requestTxn") orderTxn(op.value, response.value);
  }
}

/**
 * Responses of one watch with the pieces joined that a history came in: etcd sends up to 1,000 revisions
 * at once, whatever their size, unless it was asked for fragments; ours cuts by what it has read.
 * Live responses have a revision each; fragments of one revision stay as they came, but within a history, where
 * the cut before moves the next one.
 */
export function joinHistory(list: readonly Values[]): readonly Values[] {
  const out: Values[] = [];
  for (const entry of list) {
    const events = eventsOf(entry);
    const before = out.at(-1);
    const earlier = before === undefined ? [] : eventsOf(before);
    const isOneHistory =
      makesRoom("longHistory") &&
      events.length > 0 &&
      earlier.length > 0 &&
      (isOfSeveral(earlier) || isOfSeveral([...earlier.slice(-1), ...events])) &&
      differenceAt(before?.["header"], entry["header"]) === undefined;
    if (!isOneHistory) out.push(entry);
    else out[out.length - 1] = { ...before, fragment: false, events: [...earlier, ...events] };
  }
  return out;
}

type Events = readonly { readonly kv: { readonly modRevision: number } }[];

function eventsOf(entry: Values): Events {
  return entry["events"] as Events;
}

/** Of more than one revision; they are in order. */
function isOfSeveral(events: Events): boolean {
  return events[0]?.kv.modRevision !== events.at(-1)?.kv.modRevision;
}

/** The stand-ins of one run on one member. */
export class Mapping {
  private readonly actual = new Map<bigint, bigint>();
  private readonly standIn = new Map<bigint, bigint>();
  private base = 0;
  private peerUrl = "";
  /** True once an ID that a member chose may stand in a key or a pair. */
  hasChosenIds = false;
  private hadChosenIds = false;

  /** Begins a sequence at this revision. */
  begin(revision: number): void {
    this.base = revision;
    this.hadChosenIds = this.hasChosenIds;
    this.hasChosenIds = false;
    for (const id of [...this.actual.keys()]) if (id >= ALIAS) this.forget(id);
  }

  private forget(standIn: bigint): void {
    const id = this.actual.get(standIn);
    if (id !== undefined) this.standIn.delete(id);
    this.actual.delete(standIn);
  }

  /** From now on stand-in number `at` is `id`. */
  bind(at: number, id: bigint): void {
    this.hasChosenIds = true;
    this.put(aliasAt(at), id);
  }

  bindSelf(member: bigint, cluster: bigint, peerUrl: string): void {
    this.peerUrl = peerUrl;
    this.put(SELF, member);
    this.put(CLUSTER, cluster);
  }

  private put(standIn: bigint, id: bigint): void {
    this.forget(standIn);
    this.actual.set(standIn, id);
    this.standIn.set(id, standIn);
  }

  /** A request with this member's IDs and revisions. */
  resolve<T>(value: T): T {
    return this.walk(value, false) as T;
  }

  /** An answer with stand-ins for IDs, and nothing in it that may differ. */
  settle(rpc: string, message: unknown, request: Values = {}): unknown {
    const settled = this.walk(message, true) as Record<string, unknown>;
    if (rpc === "KV/Range") orderTies(request, settled);
    if (rpc === "KV/Txn") orderTxn(request, settled);
    if (rpc === "Maintenance/Hash" && makesRoom("fileHash")) settled["hash"] = "of the file";
    if (rpc === "Maintenance/HashKV" && this.hashesChosenIds(settled)) {
      settled["hash"] = "of chosen IDs";
    }
    // How the file is cut depends on its size.
    if (rpc === "Maintenance/Snapshot") settled["remainingBytes"] = "some";
    if (rpc === "Lease/LeaseLeases") {
      // Services make leases of their own where a request brings none, and do not tell.
      const leases = settled["leases"] as { ID: bigint }[];
      const told = leases.map(({ ID }) => (isUntold(ID) ? "untold" : String(ID)));
      // They come by the time that is left, which is each member's own (server/lease/lessor.test.ts).
      settled["leases"] = told.sort();
    }
    if (rpc === "Lease/LeaseTimeToLive") {
      const { TTL, grantedTTL } = settled as { TTL: number; grantedTTL: number };
      // A long life of which less than a minute has gone; short ones are compared when they end.
      if (TTL > 0 && TTL <= grantedTTL && TTL >= grantedTTL - 60) settled["TTL"] = "remaining";
      if (makesRoom("keysOfLease")) (settled["keys"] as Uint8Array[]).sort(Buffer.compare);
    }
    return settled;
  }

  /** A hash at the revision that a sequence begins at is that of a compaction of the one before. */
  private hashesChosenIds({ hashRevision }: { readonly hashRevision?: number }): boolean {
    return this.hasChosenIds || (this.hadChosenIds && (hashRevision ?? 0) <= this.base);
  }

  private id(id: bigint, isAnswer: boolean): bigint {
    if (isAnswer) return this.standIn.get(id) ?? id;
    if (id < CLUSTER || id >= ALIAS + ALIAS_SPAN) return id;
    // One that was never bound, for what was to bind it failed: no ID of anything.
    return this.actual.get(id) ?? 0x5eee_0000n + (id & 0xffffn);
  }

  private bytes(bytes: Uint8Array, isAnswer: boolean): Uint8Array {
    if (bytes.length < 12 || bytes.length > 200) return bytes;
    const text = Buffer.from(bytes).toString("latin1");
    const slash = text.lastIndexOf("/");
    if (slash < 0 || !/^\/[0-9a-f]{6,16}$/.test(text.slice(slash))) return bytes;
    const id = BigInt.asIntN(64, BigInt(`0x${text.slice(slash + 1)}`));
    const other = this.id(id, isAnswer);
    // A key of a lock that nobody was told of, because the call was cut off: a watch from the past sees it.
    if (isAnswer && isUntold(other))
      return Buffer.from(`${text.slice(0, slash + 1)}untold`, "latin1");
    if (other === id) return bytes;
    return Buffer.from(text.slice(0, slash + 1) + hex(other), "latin1");
  }

  private walk(value: unknown, isAnswer: boolean, field = ""): unknown {
    if (typeof value === "bigint") return this.id(value, isAnswer);
    if (value instanceof Uint8Array) {
      if (isAnswer && blurred.has(field)) return value.length > 0 ? "some" : "none";
      return this.bytes(value, isAnswer);
    }
    if (isAnswer && blurred.has(field)) return value === 0 || value === "" ? "none" : "some";
    if (typeof value === "number") {
      if (isAnswer || Math.abs(value - REVISION) > REVISION_SPAN) return value;
      return this.base + (value - REVISION);
    }
    if (value === SELF_URL && !isAnswer) return this.peerUrl;
    if (Array.isArray(value)) return value.map((one) => this.walk(one, isAnswer));
    if (typeof value !== "object" || value === null) return value;
    const out: Record<string, unknown> = {};
    for (const [key, one] of Object.entries(value)) out[key] = this.walk(one, isAnswer, key);
    return out;
  }

  /** The ID behind a stand-in that is bound. */
  actualOf(standIn: bigint): bigint {
    return assertDefined(this.actual.get(standIn), `stand-in ${standIn} is bound`);
  }
}
