// What the peer wire needs of the member it runs in. server/node implements these; tests fake them.
import type { ConnectionOptions } from "node:tls";
import type { ClusterId, LeaseId, MemberId } from "#base/ids.ts";
import type { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } from "#proto/gen/lease.ts";
import type { HashKVResponse } from "#proto/gen/maintenance.ts";
import type { Message } from "#proto/gen/raft.ts";

/** Who this member is to its peers. Read at each use, so `peerUrls` may change. */
export interface PeerIdentity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** The API level, a full semantic version such as `3.7.3`. */
  readonly serverVersion: string;
  /** The advertised peer URLs. */
  readonly peerUrls: readonly string[];
}

/** What peers announce beyond etcd's wire, and who is let in by it. */
export interface Admission {
  /** A peer said in a request's header what it knows; its last word counts. */
  announced(id: MemberId, capabilities: readonly string[]): void;
  /** What every peer must know by now and this one does not, or undefined. */
  missing(capabilities: readonly string[]): string | undefined;
  /** False if messages to this peer could stop it. */
  admits(id: MemberId): boolean;
}

/**
 * How connections to https and unixs URLs are made at this moment: certificate, trust, what is expected
 * of the peer. Asked for each connection, for certificates are replaced while a member runs.
 */
export type PeerTls = () => ConnectionOptions;

/** What follows a MsgSnap: etcd's bbolt file, or the files of a store, as members of ours take it too. */
export type StateForm = "file" | "tables";

/** Where the transport hands over what it received or noticed. Called in the socket's turn. */
export interface PeerHandler {
  /**
   * A message from a peer that is not removed, addressed to this member; link heartbeats never
   * come here. Entries alias the receive buffer, which is not reused. A throw is answered with an
   * error or logged, and never stops the transport. MsgSnap comes only after `receiveSnapshot`.
   */
  step(message: Message): void;
  /** A message to this member was dropped or its connection failed. */
  reportUnreachable(id: MemberId): void;
  /** The outcome of a snapshot handed to `sendSnapshot`; called exactly once for each. */
  reportSnapshot(id: MemberId, ok: boolean): void;
  /** True if the member was removed from the cluster; its messages are refused. */
  isRemoved(id: MemberId): boolean;
  /** A peer says (410 or 403) that this member was removed for good: it must stop. */
  removedFromCluster(): void;
  /**
   * Saves the database that follows a MsgSnap and makes it durable (file and folder) before it
   * resolves; then the server steps the message. `body` must be read to its end or abandoned.
   */
  receiveSnapshot(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<void>;
  /** Left out or undefined, everybody is let in. */
  readonly admission?: Admission | undefined;
}

/** This member is not the leader, so it cannot answer for leases. */
export const notPrimaryLessorCode = "NOT_PRIMARY_LESSOR";

/** What peers ask a member beside raft. Every call is answered by this member alone, never forwarded. */
export interface PeerApi {
  /** The members as `membersJson` of server/membership/member-json.ts writes them, no newline. */
  membersJson(): string;
  /**
   * Promotes a learner if this member leads; resolves with the members, as `membersJson`. Rejects
   * with the EtcdError rows memberNotFound, memberNotLearner, learnerNotReady, or others.
   */
  promote(id: MemberId, authorization: string | undefined): Promise<string>;
  /** Rejects with the EtcdError rows compacted and futureRevision. Revision 0 is the latest. */
  hashKv(revision: number): Promise<HashKVResponse>;
  /**
   * Renews if this member is the primary lessor; the TTL in seconds. Rejects with the EtcdError
   * rows leaseNotFound, timeoutWaitAppliedIndex, or an OperatingError of `notPrimaryLessorCode`.
   */
  leaseRenew(lease: LeaseId): Promise<number>;
  /** As `leaseRenew`. The answer has no header. */
  leaseTimeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse>;
  /** The linearized downgrade flag. */
  downgradeEnabled(): Promise<boolean>;
  /** `{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}`. */
  versionJson(): string;
}
