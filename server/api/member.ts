// What the API needs of the member it runs in. server/node implements it; tests may fake it.
import type { ClusterId, LeaseId, MemberId } from "#base/ids.ts";
import type { EtcdError } from "#proto/errors.ts";
import type {
  AuthDisableRequest,
  AuthDisableResponse,
  AuthEnableRequest,
  AuthEnableResponse,
  AuthenticateResponse,
  AuthRoleAddRequest,
  AuthRoleAddResponse,
  AuthRoleDeleteRequest,
  AuthRoleDeleteResponse,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleGrantPermissionResponse,
  AuthRoleListRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthRoleRevokePermissionResponse,
  AuthStatusRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserAddResponse,
  AuthUserChangePasswordRequest,
  AuthUserChangePasswordResponse,
  AuthUserDeleteRequest,
  AuthUserDeleteResponse,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserGrantRoleResponse,
  AuthUserListRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
  AuthUserRevokeRoleResponse,
} from "#proto/gen/auth.ts";
import type { Member as MemberInfo } from "#proto/gen/cluster.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { InternalAuthenticateRequest } from "#proto/gen/internal.ts";
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import type {
  AlarmRequest,
  AlarmResponse,
  HashKVResponse,
  HashResponse,
  StatusResponse,
} from "#proto/gen/maintenance.ts";
import type { WatchRequest, WatchResponse } from "#proto/gen/watch.ts";
import type { Identity } from "#server/auth/tokens.ts";

/** What can be proposed, and what each proposal is answered with. Headers lack identity and term. */
export interface Proposals {
  put: readonly [PutRequest, PutResponse];
  deleteRange: readonly [DeleteRangeRequest, DeleteRangeResponse];
  txn: readonly [TxnRequest, TxnResponse];
  compaction: readonly [CompactionRequest, CompactionResponse];
  leaseGrant: readonly [LeaseGrantRequest, LeaseGrantResponse];
  leaseRevoke: readonly [LeaseRevokeRequest, LeaseRevokeResponse];
  alarm: readonly [AlarmRequest, AlarmResponse];
  authenticate: readonly [InternalAuthenticateRequest, AuthenticateResponse];
  authEnable: readonly [AuthEnableRequest, AuthEnableResponse];
  authDisable: readonly [AuthDisableRequest, AuthDisableResponse];
  authStatus: readonly [AuthStatusRequest, AuthStatusResponse];
  authUserAdd: readonly [AuthUserAddRequest, AuthUserAddResponse];
  authUserDelete: readonly [AuthUserDeleteRequest, AuthUserDeleteResponse];
  authUserGet: readonly [AuthUserGetRequest, AuthUserGetResponse];
  authUserList: readonly [AuthUserListRequest, AuthUserListResponse];
  authUserChangePassword: readonly [AuthUserChangePasswordRequest, AuthUserChangePasswordResponse];
  authUserGrantRole: readonly [AuthUserGrantRoleRequest, AuthUserGrantRoleResponse];
  authUserRevokeRole: readonly [AuthUserRevokeRoleRequest, AuthUserRevokeRoleResponse];
  authRoleAdd: readonly [AuthRoleAddRequest, AuthRoleAddResponse];
  authRoleDelete: readonly [AuthRoleDeleteRequest, AuthRoleDeleteResponse];
  authRoleGet: readonly [AuthRoleGetRequest, AuthRoleGetResponse];
  authRoleList: readonly [AuthRoleListRequest, AuthRoleListResponse];
  authRoleGrantPermission: readonly [
    AuthRoleGrantPermissionRequest,
    AuthRoleGrantPermissionResponse,
  ];
  authRoleRevokePermission: readonly [
    AuthRoleRevokePermissionRequest,
    AuthRoleRevokePermissionResponse,
  ];
}

/** One gRPC watch stream. Responses carry only header.revision; the API adds identity and term. */
export interface WatchSession {
  /**
   * Takes one request of the client; what it causes comes out of `next` in order. With `refusal`, a
   * watch that it asks for is answered as cancelled for that reason.
   */
  request(request: WatchRequest, refusal?: string): void;
  /** The next response to send, or undefined until `onReady` is called again. */
  next(identityBytes?: () => number): WatchResponse | undefined;
  /** Frees all watchers of this stream. */
  close(): void;
}

/** A member that was added, and all members with it. */
export interface AddedMember {
  readonly member: MemberInfo;
  readonly members: MemberInfo[];
}

/**
 * Changes of membership; each resolves with all members after it, once it is applied here. Rejects
 * with EtcdError, and nothing is changed then: what the strict check or apply refused, or timeouts.
 */
export interface ClusterReconfiguration {
  /** `peerUrls` were validated, and there is at least one. */
  add(peerUrls: readonly string[], isLearner: boolean): Promise<AddedMember>;
  remove(id: MemberId): Promise<MemberInfo[]>;
  update(id: MemberId, peerUrls: readonly string[]): Promise<MemberInfo[]>;
  /** `authorization` goes along if the leader has to be asked. */
  promote(id: MemberId, authorization: string | undefined): Promise<MemberInfo[]>;
  /** What became of the promotions that this member was asked for as leader. */
  readonly promotions: {
    readonly succeeded: number;
    /** By reason. */
    readonly failed: ReadonlyMap<string, number>;
  };
}

/** A copy of the whole state of a member, as a bbolt file that somebody reads. */
export interface StateCopy {
  /** Size of the file. */
  readonly bytes: number;
  /** The storage version that the state holds, such as `3.7.0`; empty if it does not say. */
  readonly version: string;
  /** The file from its start, in blocks of a multiple of 32 KiB but the last; they are the reader's. */
  body(): AsyncIterable<Uint8Array>;
  /** The reader is done, however that came. */
  remove(): Promise<void>;
}

/** Downgrades of the cluster; each resolves with the cluster version as `3.7`. */
export interface ApiDowngrades {
  /**
   * Rejects with EtcdError: wrongDowngradeVersionFormat, clusterVersionNotFound,
   * invalidDowngradeVersion, downgradeInProgress.
   */
  validate(version: string): Promise<string>;
  /** As `validate`, and begins it. */
  enable(version: string): Promise<string>;
  /** Ends it; without one under way nothing happens. */
  cancel(): Promise<string>;
}

/** Who may what, as this member's state says now. Refusals are undefined where nothing is in the way. */
export interface ApiAuth {
  readonly isEnabled: boolean;
  /** The auth revision. */
  readonly revision: number;
  /**
   * Who has this token; at once but for a token that others have seen made and this member not yet.
   * Throws or rejects with invalidAuthToken.
   */
  identify(token: string): Identity | Promise<Identity>;
  adminRefusal(who: Identity | undefined): EtcdError | undefined;
  readRefusal(
    who: Identity | undefined,
    key: Uint8Array,
    rangeEnd: Uint8Array,
  ): EtcdError | undefined;
  txnRefusal(who: Identity | undefined, request: TxnRequest): EtcdError | undefined;
  /** To renew a lease one must be allowed to write its keys. */
  renewalRefusal(who: Identity | undefined, lease: LeaseId): EtcdError | undefined;
  /** To be shown leases one must be allowed to read all their keys. */
  leasesRefusal(who: Identity | undefined, leases: readonly bigint[]): EtcdError | undefined;
  /** The random part of a simple token. */
  tokenPrefix(): string;
  /**
   * Resolves with the auth revision at which the password was that of the user. Rejects with EtcdError:
   * authNotEnabled, authFailed, that the user has no password, or too many ask at once.
   */
  checkPassword(name: string, password: string): Promise<number>;
  /** The hash to store. Rejects with EtcdError: too long, or too many ask at once. */
  hashPassword(password: string): Promise<string>;
}

/** Who waits for the answer to a proposal; told exactly once. */
export interface AnswerWaiter<Answer> {
  settled(answer: Answer): void;
  failed(error: EtcdError): void;
}

export interface ApiMember {
  readonly auth: ApiAuth;
  readonly reconfiguration: ClusterReconfiguration;
  readonly downgrades: ApiDowngrades;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  /** A header with identity and current term; `revision` 0 is omitted on the wire. */
  header(revision: number): ResponseHeader;
  currentRevision(): number;
  raftTerm(): number;

  /**
   * Proposes through Raft (forwarded if this is a follower) and resolves when this member has
   * applied it. Rejects with EtcdError: timeouts, noLeader, tooManyRequests, requestTooLarge, and
   * whatever apply answered. Requests were validated by the API before. `who` asks for it, if known.
   */
  propose<K extends keyof Proposals>(
    kind: K,
    request: Proposals[K][0],
    who?: Identity,
  ): Promise<Proposals[K][1]>;
  /** As `propose`, and tells `waiter`. */
  proposeFor<K extends keyof Proposals>(
    waiter: AnswerWaiter<Proposals[K][1]>,
    kind: K,
    request: Proposals[K][0],
  ): void;
  /**
   * One read-index round: resolves once everything committed before the call is applied here.
   * Undefined if that is so already, and proved.
   */
  linearize(): Promise<void> | undefined;
  /**
   * A read of this member's own state at `request.revision`; the caller linearizes before it. At once
   * if all is in memory, and then throws what it would reject with.
   */
  range(request: RangeRequest): RangeResponse | Promise<RangeResponse>;
  /** A transaction in which every operation is a range, read from one revision. As range. */
  readOnlyTxn(request: TxnRequest): TxnResponse | Promise<TxnResponse>;
  /** A compaction whose deletion has been written (`physical`). */
  physicalCompaction(revision: number): Promise<void>;

  openWatch(onReady: () => void): WatchSession;

  /** Renews on the leader, forwarding if need be; the new TTL in seconds, 0 if there is no such lease. */
  leaseRenew(lease: LeaseId): Promise<number>;
  leaseTimeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse>;
  leaseList(): AsyncIterable<readonly LeaseId[]>;

  members(): MemberInfo[];
  isLearner(): boolean;
  /** 0n if unknown. */
  leader(): MemberId;
  isLeader(): boolean;
  /**
   * Has this leader hand over to the member; resolves once that one leads. Rejects with EtcdError:
   * notLeader, badLeaderTransferee, or that it took too long.
   */
  moveLeader(to: MemberId): Promise<void>;
  /** Resolves when leadership is lost for longer than three election timeouts; used by hasleader streams. */
  onLeaderLost(run: () => void): () => void;
  status(): StatusResponse;
  /** Gives disk space of deleted records back; this member only. */
  defragment(): Promise<void>;
  hashKv(revision: number): Promise<HashKVResponse>;
  /** CRC-32C over all records but those that differ from member to member. */
  hash(): Promise<HashResponse>;
  /**
   * A copy of the state that holds every write that was answered before the call; the caller removes
   * it. Rejects with OperatingError: no room on the disk, or too many are being read.
   */
  copyState(): Promise<StateCopy>;
  /** Active alarms. */
  alarms(): AlarmResponse["alarms"];
  /** Cluster version text such as `3.7.0`, or undefined before it was decided. */
  clusterVersion(): string | undefined;
  storageVersion(): string | undefined;
}
