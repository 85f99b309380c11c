// etcdserverpb.Cluster. Headers of its answers carry no revision.
import { EtcdError, grpcCode } from "#proto/errors.ts";
import { MemberListRequest, MemberListResponse } from "#proto/gen/cluster.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import { type MethodGate, singleRequest } from "./method-gate.ts";

const service = "/etcdserverpb.Cluster/";

/** The methods of the Cluster service. */
export function clusterMethods(context: ServiceContext): SingleRequestMethod[] {
  const { member, gate, headers } = context;
  return [
    singleRequest(gate, {
      path: `${service}MemberList`,
      decode: (bytes) => MemberListRequest.decode(bytes),
      async run(request) {
        if (request.linearizable) await member.linearize();
        const response: MemberListResponse = { header: undefined, members: member.members() };
        return encodeAnswer(headers, MemberListResponse, response, 0);
      },
    }),
    ...["MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote"].map((name) =>
      notYet(gate, service, name),
    ),
  ];
}

/** A method that this version knows and does not serve; it says so. */
export function notYet(gate: MethodGate, serviceName: string, name: string): SingleRequestMethod {
  return singleRequest(gate, {
    path: `${serviceName}${name}`,
    decode: () => undefined,
    async run() {
      throw new EtcdError(grpcCode.unimplemented, `etcd-ts: ${name} is not served by this version`);
    },
  });
}
