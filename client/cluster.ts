// Membership: list, add, remove, update, promote.
import type { CallOptions } from "#client/options.ts";
import { rpc, type Transport } from "#client/transport.ts";
import {
  ClusterDefinition,
  type MemberAddResponse,
  type MemberListResponse,
  type MemberPromoteResponse,
  type MemberRemoveResponse,
  type MemberUpdateResponse,
} from "#proto/gen/cluster.ts";

const { methods } = ClusterDefinition;
const listRpc = rpc(ClusterDefinition, methods.memberList, { repeatable: true });
const addRpc = rpc(ClusterDefinition, methods.memberAdd, { repeatable: false });
const removeRpc = rpc(ClusterDefinition, methods.memberRemove, { repeatable: false });
const updateRpc = rpc(ClusterDefinition, methods.memberUpdate, { repeatable: false });
const promoteRpc = rpc(ClusterDefinition, methods.memberPromote, { repeatable: false });

export class ClusterClient {
  private readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** All members; linearizable unless asked otherwise. */
  list(
    parts: { readonly linearizable?: boolean } = {},
    options?: CallOptions,
  ): Promise<MemberListResponse> {
    const request = { linearizable: parts.linearizable ?? true };
    return this.transport.unary(listRpc, request, options);
  }

  add(
    peerUrls: readonly string[],
    parts: { readonly learner?: boolean } = {},
    options?: CallOptions,
  ): Promise<MemberAddResponse> {
    const request = { peerURLs: [...peerUrls], isLearner: parts.learner ?? false };
    return this.transport.unary(addRpc, request, options);
  }

  remove(id: bigint, options?: CallOptions): Promise<MemberRemoveResponse> {
    return this.transport.unary(removeRpc, { ID: id }, options);
  }

  update(
    id: bigint,
    peerUrls: readonly string[],
    options?: CallOptions,
  ): Promise<MemberUpdateResponse> {
    return this.transport.unary(updateRpc, { ID: id, peerURLs: [...peerUrls] }, options);
  }

  promote(id: bigint, options?: CallOptions): Promise<MemberPromoteResponse> {
    return this.transport.unary(promoteRpc, { ID: id }, options);
  }
}
