// Whole states between members. A follower that the log no longer reaches gets the leader's state of
// now: what is sent is read from one consistent view, and its own records say which entry it ends
// with. A received state is durable before raft hears of it, and replaces state and log in steps that
// a start can finish or undo (server/backend/state-folder.ts).
//
// To a member that said it takes them go the files of the store, to others etcd's bbolt file; after a
// two failures in a row the file, until one send has succeeded. What is received is read once, record by record: each
// is checked, and taken into the index that the member will have when the state is its own.
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { ConfState, Message, Snapshot } from "#proto/gen/raft.ts";
import { decodeConfState } from "#server/membership/conf-state-json.ts";
import { storeJson } from "#server/membership/store-json.ts";
import type { Backend, CheckRecord, StateRecord } from "#server/mvcc/backend.ts";
import type { RecordsLoading } from "#server/mvcc/store-loading.ts";
import { StateCheck } from "#server/node/state-check.ts";
import type { StateForm } from "#server/peer/ports.ts";
import type { SnapshotMark } from "#server/wal/wal.ts";

/** Sends under way at once, each with a copy on the disk; more wait for raft to ask again. */
const maxSends = 4;

/** Sends of tables to a member that fail in a row until it is sent the file. */
const maxFailures = 2;

/** States that may wait to be received, the one under way included; senders try again. */
const maxWaiting = 4;
/** Received states that raft has not decided on. */
const maxKept = 4;

/** A state to be sent. */
interface StateCopy {
  /** Of the buckets that tell which state it is. */
  readonly records: Readonly<
    Record<"meta" | "members" | "members_removed" | "cluster", readonly StateRecord[]>
  >;
  readonly bytes: number;
  body(): AsyncIterable<Uint8Array>;
  remove(): Promise<void>;
}

/** Files of states; server/backend/transfer-files is one. */
export interface StateFiles {
  export(
    backend: Backend,
    options: { readonly withShared: boolean; readonly forClient?: boolean },
  ): Promise<StateCopy>;
  /** The state as the files of its store; undefined where that cannot be had. */
  exportTables?(backend: Backend): Promise<StateCopy | undefined>;
  /** `check` is given every record that a state may hold, in order, and throws what cannot be loaded. */
  receive(
    index: number,
    body: AsyncIterable<Uint8Array>,
    check: CheckRecord,
    form: StateForm,
  ): Promise<void>;
  /** The store that a received state is, to be moved to its place; undefined if it is a file. */
  folderOf?(index: number): string | undefined;
  fill(index: number, backend: Backend): Promise<void>;
  drop(index: number): Promise<void>;
}

/** A received state at its install. */
export interface ReceivedState {
  /** The folder to begin from; undefined for an empty one. */
  readonly folder: string | undefined;
  /** What is not in the folder. */
  fill(backend: Backend): Promise<void>;
  /** Its keys, all of them; undefined if they must be read again. */
  readonly loading: RecordsLoading | undefined;
}

export interface SnapshotTransferPorts {
  monotonicMs(): number;
  /** How long a follower may take to install a state and to ask for what follows it. */
  readonly logHoldMs: number;
  readonly log: Log;
  readonly files: StateFiles;
  backend(): Backend;
  appliedIndex(): number;
  /** True if every member understands bucket `shared`. */
  sharesOwnRecords(): boolean;
  /** True if the member has said that it takes the files of a store. */
  takesTables(to: MemberId): boolean;
  /** Sends and tells raft the outcome, once; resolves with it, rejects only if raft was told nothing. */
  sendSnapshot(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<boolean>;
  reportFailure(to: MemberId): void;
  /** An empty index that takes the records of a state that is being received. */
  beginLoading(): RecordsLoading;
  /** The member's part of an install: nobody may use the old state while `replace` runs. */
  exchange(mark: SnapshotMark, received: ReceivedState): Promise<void>;
}

export class SnapshotTransfer {
  private readonly ports: SnapshotTransferPorts;
  private sends = 0;
  private waiting = 0;
  private installing = false;
  private heldUntilMs = Number.NEGATIVE_INFINITY;
  private receiving: Promise<void> = Promise.resolve();
  /** Indexes of received states that lie in files. */
  private readonly kept = new Set<number>();
  /** The index of the last received state, ready for its install. */
  private loaded: { readonly index: number; readonly loading: RecordsLoading } | undefined;
  /** How often in a row a member could not be sent tables. */
  private readonly failures = new Map<MemberId, number>();

  constructor(ports: SnapshotTransferPorts) {
    this.ports = ports;
  }

  /** True while a received state takes the place of this member's own. */
  get isInstalling(): boolean {
    return this.installing;
  }

  /**
   * True while a follower is being sent a state, and for a while after one has arrived: a log that was
   * cut meanwhile would make it need another state, and so on without end (facts: peer protocol §5).
   */
  get wantsLog(): boolean {
    return this.sends > 0 || this.ports.monotonicMs() < this.heldUntilMs;
  }

  /** A state that was sent has arrived. */
  arrived(): void {
    this.heldUntilMs = this.ports.monotonicMs() + this.ports.logHoldMs;
  }

  /** Sends this member's state in place of what raft put into the message. */
  send(message: Message): void {
    const to = message.to as MemberId;
    if (this.sends >= maxSends) {
      this.ports.reportFailure(to);
      return;
    }
    this.sends++;
    void this.sendNow(message).finally(() => {
      this.sends--;
    });
  }

  private async sendNow(message: Message): Promise<void> {
    const { log, reportFailure, sendSnapshot } = this.ports;
    const to = formatId(message.to);
    let told = false;
    try {
      const { form, state } = await this.export(message.to as MemberId);
      try {
        const { cluster, members, members_removed: membersRemoved, meta } = state.records;
        const metadata = metadataOf(new Map(meta.map(([key, value]) => [text(key), value])));
        log.info(
          { to, index: metadata.index, form },
          "sending a state to a member that fell behind",
        );
        const data = storeJson({ members, membersRemoved, cluster });
        const snapshot = { data, metadata };
        const ok = await sendSnapshot({ ...message, snapshot }, state.body(), form);
        told = true;
        this.settled(message.to as MemberId, form, ok);
      } finally {
        await state.remove();
      }
    } catch (error) {
      log.warn({ to, error: errorText(error) }, "could not send a state");
      // Raft must hear of each once: it sends the follower nothing before.
      if (!told) reportFailure(message.to as MemberId);
    }
  }

  private settled(to: MemberId, form: StateForm, ok: boolean): void {
    if (ok) this.failures.delete(to);
    else if (form === "tables") this.failures.set(to, (this.failures.get(to) ?? 0) + 1);
  }

  /** The state in the form that the member takes. */
  private async export(
    to: MemberId,
  ): Promise<{ readonly form: StateForm; readonly state: StateCopy }> {
    const { backend, files, takesTables } = this.ports;
    if (takesTables(to) && (this.failures.get(to) ?? 0) < maxFailures) {
      const state = await files.exportTables?.(backend());
      if (state !== undefined) return { form: "tables", state };
    }
    return { form: "file", state: await this.exportFile() };
  }

  /** A copy of the state; of one that has records of our own, with these. */
  private async exportFile(): Promise<StateCopy> {
    const { backend, files, sharesOwnRecords } = this.ports;
    const withShared = sharesOwnRecords();
    const state = await files.export(backend(), { withShared });
    // The first of those records may have been written while the copy waited for its turn.
    if (withShared || !sharesOwnRecords()) return state;
    await state.remove();
    return await files.export(backend(), { withShared: true });
  }

  /** Keeps what a leader sends; one at a time. Durable when it resolves. */
  receive(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm = "file",
  ): Promise<void> {
    const index = message.snapshot?.metadata?.index ?? 0;
    if (this.waiting >= maxWaiting) return Promise.reject(tooMany());
    this.waiting++;
    const received = this.receiving
      .then(async () => {
        await this.dropOutdated();
        if (this.kept.size >= maxKept) throw tooMany();
        const check = new StateCheck();
        const loading = this.ports.beginLoading();
        // Of a state that is not installed none is needed, and two take twice the memory.
        this.loaded = undefined;
        const take: CheckRecord = (bucket, key, value) => {
          if (bucket === "key") loading.take(key, value);
          else check.take(bucket, key, value);
        };
        await this.ports.files.receive(index, body, take, form);
        // Of two of one index nobody can tell which it is that lies there.
        if (!this.kept.has(index)) this.loaded = { index, loading };
        this.kept.add(index);
      })
      .finally(() => {
        this.waiting--;
      });
    this.receiving = received.catch(() => {});
    return received;
  }

  /** Raft installs nothing that ends before what is applied: such states will not be asked for. */
  private async dropOutdated(): Promise<void> {
    const applied = this.ports.appliedIndex();
    for (const index of this.kept) {
      if (index > applied) continue;
      this.kept.delete(index);
      if (this.loaded?.index === index) this.loaded = undefined;
      await this.ports.files.drop(index);
    }
  }

  /** Replaces state and log by the received state; resolves when both are durable. */
  async install(snapshot: Snapshot): Promise<void> {
    const { files, log } = this.ports;
    const { index, term, confState } = snapshot.metadata!;
    log.info({ index, term }, "installing a received state");
    this.installing = true;
    const loading = this.loaded?.index === index ? this.loaded.loading : undefined;
    this.loaded = undefined;
    await this.ports.exchange(
      { index, term, confState: confState ?? noConfState },
      {
        folder: files.folderOf?.(index),
        fill: (backend) => files.fill(index, backend),
        loading,
      },
    );
    this.installing = false;
    this.kept.delete(index);
    await files.drop(index);
    log.info({ index, term }, "installed a received state");
  }
}

function tooMany(): OperatingError {
  return new OperatingError("TOO_MANY_STATES", "too many states are being received already");
}

const noConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function metadataOf(meta: ReadonlyMap<string, Uint8Array>) {
  const number = (name: string): number => {
    const bytes = meta.get(name);
    if (bytes === undefined || bytes.length !== 8) throw new Error(`the state has no ${name}`);
    return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  };
  const confState = decodeConfState(meta.get("confState") ?? new Uint8Array(0));
  if (confState === undefined) throw new Error("the state has no confState");
  return { index: number("consistent_index"), term: number("term"), confState };
}
