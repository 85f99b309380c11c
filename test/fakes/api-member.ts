// A member in memory, for tests of the API: one key space without history, leases that never
// expire, watches from now on. It follows etcd's answers where the tests look.
import type { LeaseId, MemberId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type {
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import type {
  AlarmResponse,
  HashKVResponse,
  HashResponse,
  StatusResponse,
} from "#proto/gen/maintenance.ts";
import { type Event, Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchRequest, WatchResponse } from "#proto/gen/watch.ts";
import type {
  AnswerWaiter,
  ApiDowngrades,
  ApiMember,
  ClusterReconfiguration,
  Proposals,
  StateCopy,
  WatchSession,
} from "#server/api/member.ts";
import { authOff } from "#test/fakes/auth.ts";

type ProposalKind = keyof Proposals;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function inInterval(key: string, request: { key: Uint8Array; rangeEnd: Uint8Array }): boolean {
  const from = text(request.key);
  if (request.rangeEnd.length === 0) return key === from;
  const to = text(request.rangeEnd);
  return key >= from && (to === "\0" || key < to);
}

export class FakeMember implements ApiMember {
  readonly auth = authOff;
  readonly clusterId = 0x9fc5c8fe6565f4e9n;
  readonly memberId = 0x8da2f2fad34c553cn;
  revision = 1;
  term = 2;
  leaderId: MemberId = this.memberId;
  learner = false;
  activeAlarms: AlarmResponse["alarms"] = [];
  /** Proposals rest until `release` is called, if set. */
  holdProposals: Promise<void> | undefined;
  linearizeError: Error | undefined;
  readonly store = new Map<string, KeyValue>();
  readonly sessions = new Set<FakeWatchSession>();
  readonly proposed: string[] = [];
  private readonly leases = new Map<bigint, number>();
  private readonly leaderLost = new Set<() => void>();
  private nextLease = 7000n;

  header(revision: number): ResponseHeader {
    return {
      clusterId: this.clusterId,
      memberId: this.memberId,
      revision,
      raftTerm: this.term,
    };
  }

  currentRevision(): number {
    return this.revision;
  }

  raftTerm(): number {
    return this.term;
  }

  async propose<K extends ProposalKind>(
    kind: K,
    request: Proposals[K][0],
  ): Promise<Proposals[K][1]> {
    this.proposed.push(kind);
    if (this.holdProposals !== undefined) await this.holdProposals;
    return this.apply(kind, request) as Proposals[K][1];
  }

  proposeFor<K extends ProposalKind>(
    waiter: AnswerWaiter<Proposals[K][1]>,
    kind: K,
    request: Proposals[K][0],
  ): void {
    this.propose(kind, request).then(
      (answer) => waiter.settled(answer),
      (error) => waiter.failed(error),
    );
  }

  async linearize(): Promise<void> {
    if (this.linearizeError !== undefined) throw this.linearizeError;
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    return this.read(request);
  }

  async readOnlyTxn(request: TxnRequest): Promise<TxnResponse> {
    return this.txn(request);
  }

  async physicalCompaction(): Promise<void> {}

  openWatch(onReady: () => void): WatchSession {
    const session = new FakeWatchSession(this, onReady);
    this.sessions.add(session);
    return session;
  }

  async leaseRenew(lease: bigint): Promise<number> {
    return this.leases.get(lease) ?? 0;
  }

  async leaseTimeToLive(request: { ID: bigint; keys: boolean }) {
    const ttl = this.leases.get(request.ID);
    const keys = [...this.store.values()].filter((kv) => kv.lease === request.ID);
    return {
      header: undefined,
      ID: request.ID,
      TTL: ttl ?? -1,
      grantedTTL: ttl ?? 0,
      keys: request.keys ? keys.map((kv) => kv.key) : [],
    };
  }

  async *leaseList() {
    yield [...this.leases.keys()] as LeaseId[];
  }

  members() {
    const urls = { peerURLs: ["http://127.0.0.1:2380"], clientURLs: ["http://127.0.0.1:2379"] };
    return [{ ID: this.memberId, name: "fake", ...urls, isLearner: this.learner }];
  }

  isLearner(): boolean {
    return this.learner;
  }

  leader(): MemberId {
    return this.leaderId;
  }

  isLeader(): boolean {
    return this.leaderId === this.memberId;
  }

  readonly reconfiguration: ClusterReconfiguration = {
    add: () => Promise.reject(etcdError("unhealthy")),
    remove: () => Promise.reject(etcdError("memberNotFound")),
    update: () => Promise.reject(etcdError("memberNotFound")),
    promote: () => Promise.reject(etcdError("memberNotFound")),
    promotions: { succeeded: 0, failed: new Map() },
  };

  readonly downgrades: ApiDowngrades = {
    validate: () => Promise.resolve("3.7"),
    enable: () => Promise.resolve("3.7"),
    cancel: () => Promise.resolve("3.7"),
  };

  async moveLeader(to: MemberId): Promise<void> {
    if (!this.isLeader()) throw etcdError("notLeader");
    if (to !== this.memberId) throw etcdError("badLeaderTransferee");
  }

  onLeaderLost(run: () => void): () => void {
    this.leaderLost.add(run);
    return () => this.leaderLost.delete(run);
  }

  /** What the member does after three election timeouts without a leader. */
  loseLeader(): void {
    this.leaderId = 0n;
    for (const run of this.leaderLost) run();
  }

  status(): StatusResponse {
    return {
      header: undefined,
      version: "3.7.3",
      dbSize: 20480,
      leader: this.leaderId,
      raftIndex: 9,
      raftTerm: this.term,
      raftAppliedIndex: 9,
      errors: [],
      dbSizeInUse: 16384,
      isLearner: this.learner,
      storageVersion: "3.7.0",
      dbSizeQuota: 2147483648,
      downgradeInfo: { enabled: false, targetVersion: "" },
    };
  }

  defragmented = 0;

  /** Is awaited by each defragmentation. */
  defragmentation: Promise<void> | undefined;

  async defragment(): Promise<void> {
    this.defragmented++;
    await this.defragmentation;
  }

  async hashKv(revision: number): Promise<HashKVResponse> {
    if (revision > this.revision) throw etcdError("futureRevision");
    return { header: undefined, hash: 42, compactRevision: -1, hashRevision: this.revision };
  }

  async hash(): Promise<HashResponse> {
    return { header: undefined, hash: 43 };
  }

  /** What copyState gives out; counts how often a reader let go. */
  copy: Uint8Array = new Uint8Array(0);
  copiesRemoved = 0;

  async copyState(): Promise<StateCopy> {
    const { copy } = this;
    return {
      bytes: copy.length,
      version: "3.7.0",
      body: async function* () {
        for (let at = 0; at < copy.length; at += 64 * 1024) yield copy.subarray(at, at + 64 * 1024);
      },
      remove: async () => {
        this.copiesRemoved++;
      },
    };
  }

  alarms(): AlarmResponse["alarms"] {
    return this.activeAlarms;
  }

  clusterVersion(): string | undefined {
    return "3.7.0";
  }

  storageVersion(): string | undefined {
    return "3.7.0";
  }

  private apply(kind: ProposalKind, request: Proposals[ProposalKind][0]): unknown {
    switch (kind) {
      case "put":
        return this.change((events) => this.put(request as PutRequest, events));
      case "deleteRange":
        return this.change((events) => this.delete(request as DeleteRangeRequest, events));
      case "txn":
        return this.txn(request as TxnRequest);
      case "compaction":
        return this.compact((request as Proposals["compaction"][0]).revision);
      case "leaseGrant":
        return this.grant(request as Proposals["leaseGrant"][0]);
      case "leaseRevoke":
        if (!this.leases.delete((request as Proposals["leaseRevoke"][0]).ID))
          throw etcdError("leaseNotFound");
        return { header: undefined };
      case "alarm":
        return { header: undefined, alarms: this.activeAlarms };
      default:
        throw etcdError("authNotEnabled");
    }
  }

  private compact(revision: number): CompactionResponse {
    if (revision > this.revision) throw etcdError("futureRevision");
    return { header: this.header(this.revision) };
  }

  private grant(request: Proposals["leaseGrant"][0]): Proposals["leaseGrant"][1] {
    if (request.TTL > 9_000_000_000) throw etcdError("leaseTtlTooLarge");
    const ID = request.ID === 0n ? this.nextLease++ : request.ID;
    if (this.leases.has(ID)) throw etcdError("leaseExists");
    this.leases.set(ID, request.TTL);
    return { header: undefined, ID, TTL: request.TTL, error: "" };
  }

  private change<T extends { header: ResponseHeader | undefined }>(run: (events: Event[]) => T): T {
    const events: Event[] = [];
    const answer = run(events);
    if (events.length > 0) this.revision++;
    answer.header = this.header(this.revision);
    if (events.length > 0) for (const session of this.sessions) session.publish(events);
    return answer;
  }

  private put(request: PutRequest, events: Event[]): PutResponse {
    const id = text(request.key);
    const old = this.store.get(id);
    if (request.lease !== 0n && !this.leases.has(request.lease)) throw etcdError("leaseNotFound");
    const revision = this.revision + 1;
    const kv = {
      key: new Uint8Array(request.key),
      value: new Uint8Array(request.value),
      createRevision: old?.createRevision ?? revision,
      modRevision: revision,
      version: (old?.version ?? 0) + 1,
      lease: request.lease,
    };
    this.store.set(id, kv);
    events.push({ type: Event_EventType.PUT, kv, prevKv: undefined });
    return { header: undefined, prevKv: request.prevKv ? old : undefined };
  }

  private delete(request: DeleteRangeRequest, events: Event[]): DeleteRangeResponse {
    const gone = this.find(request);
    for (const kv of gone) {
      this.store.delete(text(kv.key));
      const tombstone = {
        ...kv,
        value: new Uint8Array(0),
        lease: 0n,
        createRevision: 0,
        version: 0,
      };
      tombstone.modRevision = this.revision + 1;
      events.push({ type: Event_EventType.DELETE, kv: tombstone, prevKv: undefined });
    }
    return { header: undefined, deleted: gone.length, prevKvs: request.prevKv ? gone : [] };
  }

  private find(request: { key: Uint8Array; rangeEnd: Uint8Array }): KeyValue[] {
    const found = [...this.store.entries()].filter(([key]) => inInterval(key, request));
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return found.map(([, kv]) => kv);
  }

  private read(request: RangeRequest): RangeResponse {
    if (request.revision > this.revision) throw etcdError("futureRevision");
    const found = this.find(request);
    const kvs = request.limit > 0 ? found.slice(0, request.limit) : found;
    return {
      header: this.header(this.revision),
      kvs: request.countOnly
        ? []
        : kvs.map((kv) => (request.keysOnly ? { ...kv, value: new Uint8Array(0) } : kv)),
      more: kvs.length < found.length && !request.countOnly,
      count: found.length,
    };
  }

  private txn(request: TxnRequest): TxnResponse {
    const holds = request.compare.every((compare) => {
      const kv = this.store.get(text(compare.key));
      const { targetUnion } = compare;
      if (targetUnion?.$case === "value")
        return kv !== undefined && text(kv.value) === text(targetUnion.value);
      return (kv?.createRevision ?? 0) === 0;
    });
    return this.change((events) => ({
      header: undefined,
      succeeded: holds,
      responses: (holds ? request.success : request.failure).map((operation): ResponseOp => {
        const inner = operation.request;
        switch (inner?.$case) {
          case "requestPut":
            return { response: { $case: "responsePut", value: this.put(inner.value, events) } };
          case "requestDeleteRange":
            return {
              response: { $case: "responseDeleteRange", value: this.delete(inner.value, events) },
            };
          case "requestRange":
            return { response: { $case: "responseRange", value: this.read(inner.value) } };
          default:
            throw new Error("the fake has no nested transactions");
        }
      }),
    }));
  }
}

export class FakeWatchSession implements WatchSession {
  closed = false;
  readonly queue: WatchResponse[] = [];
  private readonly member: FakeMember;
  private readonly onReady: () => void;
  private readonly watches = new Map<number, { key: Uint8Array; rangeEnd: Uint8Array }>();
  private nextId = 0;

  constructor(member: FakeMember, onReady: () => void) {
    this.member = member;
    this.onReady = onReady;
  }

  request(request: WatchRequest): void {
    const { requestUnion } = request;
    switch (requestUnion?.$case) {
      case "createRequest": {
        const watchId = this.nextId++;
        this.watches.set(watchId, requestUnion.value);
        this.queue.push(this.response({ watchId, created: true }));
        break;
      }
      case "cancelRequest": {
        const { watchId } = requestUnion.value;
        if (this.watches.delete(watchId))
          this.queue.push(this.response({ watchId, canceled: true }));
        break;
      }
      case "progressRequest":
        this.queue.push(this.response({ watchId: -1 }));
        break;
      case undefined:
        break;
    }
  }

  get watchCount(): number {
    return this.watches.size;
  }

  next(): WatchResponse | undefined {
    return this.queue.shift();
  }

  close(): void {
    this.closed = true;
    this.member.sessions.delete(this);
  }

  publish(events: readonly Event[]): void {
    for (const [watchId, interval] of this.watches) {
      const mine = events.filter((event) => inInterval(text(event.kv!.key), interval));
      if (mine.length > 0) this.queue.push(this.response({ watchId, events: mine }));
    }
    this.onReady();
  }

  private response(fields: Partial<WatchResponse>): WatchResponse {
    return {
      header: this.member.header(this.member.revision),
      watchId: 0,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: "",
      fragment: false,
      events: [],
      ...fields,
    };
  }
}
