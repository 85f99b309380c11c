// What the v2 API needs of the member it runs in. server/node implements it; tests may fake it.
import type { ClusterId, MemberId } from "#base/ids.ts";
import type { Member } from "#proto/gen/cluster.ts";
import type { V2Request } from "#proto/gen/extension.ts";
import type { ClusterReconfiguration } from "#server/api/member.ts";
import type { V2Error } from "#server/v2store/errors.ts";
import type { V2Store, V2Written } from "#server/v2store/v2-store.ts";

export interface V2Member {
  readonly clusterId: ClusterId;
  /** For reads and watches; a quorum read linearizes before. */
  readonly store: Pick<V2Store, "index" | "get" | "watch">;
  /**
   * Proposes a write and resolves when this member has applied it. Rejects with EtcdError as any
   * proposal, and resolves with V2Error `unavailable` while some member does not know v2 commands.
   */
  write(request: V2Request): Promise<V2Written | V2Error>;
  /** As ApiMember.linearize. */
  linearize(): Promise<void> | undefined;
  /** Unix milliseconds. */
  wallMs(): number;
  raftIndex(): number;
  raftTerm(): number;
  members(): readonly Member[];
  /** 0n if unknown. */
  leader(): bigint;
  readonly reconfiguration: Pick<ClusterReconfiguration, "add" | "remove" | "update">;
  isRemoved(id: MemberId): boolean;
  /** True while v3's authentication is on: then nobody changes members without it. */
  isGuarded(): boolean;
  /** JSON of /v2/stats; of `leader` undefined unless this member leads. */
  readonly stats: Readonly<Record<"self" | "leader" | "store", () => string | undefined>>;
  /** Hashes and compares passwords elsewhere than on the event loop. */
  readonly passwords: {
    hash(password: string): Promise<string>;
    matches(password: string, hash: string): Promise<boolean>;
  };
  /** True if the common name of a client's certificate is a user's. */
  readonly namesUsers: boolean;
}
