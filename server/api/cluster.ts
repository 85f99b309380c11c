// etcdserverpb.Cluster. Headers of its answers carry no revision.
import { etcdError } from "#proto/errors.ts";
import {
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
} from "#proto/gen/cluster.ts";
import { parseEndpoint } from "#server/config/urls.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import { singleRequest } from "./method-gate.ts";

const service = "/etcdserverpb.Cluster/";

/** The methods of the Cluster service. */
export function clusterMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, member, gate, headers } = context;
  const { reconfiguration } = member;
  return [
    singleRequest(gate, {
      path: `${service}MemberList`,
      decode: (bytes) => MemberListRequest.decode(bytes),
      async run(request, responder) {
        if (request.linearizable) await member.linearize();
        await access.anyUser(responder);
        const response: MemberListResponse = { header: undefined, members: member.members() };
        return encodeAnswer(headers, MemberListResponse, response, 0);
      },
    }),
    singleRequest(gate, {
      path: `${service}MemberAdd`,
      decode: (bytes) => MemberAddRequest.decode(bytes),
      async run({ peerURLs, isLearner }, responder) {
        const peerUrls = peerUrlsOf(peerURLs);
        await access.admin(responder);
        const added = await reconfiguration.add(peerUrls, isLearner);
        return encodeAnswer(headers, MemberAddResponse, { header: undefined, ...added }, 0);
      },
    }),
    singleRequest(gate, {
      path: `${service}MemberRemove`,
      decode: (bytes) => MemberRemoveRequest.decode(bytes),
      async run({ ID }, responder) {
        await access.admin(responder);
        const members = await reconfiguration.remove(ID);
        return encodeAnswer(headers, MemberRemoveResponse, { header: undefined, members }, 0);
      },
    }),
    singleRequest(gate, {
      path: `${service}MemberUpdate`,
      decode: (bytes) => MemberUpdateRequest.decode(bytes),
      async run({ ID, peerURLs }, responder) {
        await access.admin(responder);
        // etcd takes any text here, and its other members then stop in the middle of applying it.
        const members = await reconfiguration.update(ID, peerUrlsOf(peerURLs));
        return encodeAnswer(headers, MemberUpdateResponse, { header: undefined, members }, 0);
      },
    }),
    singleRequest(gate, {
      path: `${service}MemberPromote`,
      decode: (bytes) => MemberPromoteRequest.decode(bytes),
      async run({ ID }, responder) {
        await access.admin(responder);
        const members = await reconfiguration.promote(ID, responder.metadata("token"));
        return encodeAnswer(headers, MemberPromoteResponse, { header: undefined, members }, 0);
      },
    }),
  ];
}

/** The peer URLs of a member to be, as etcd prints them. Throws memberBadUrls. */
function peerUrlsOf(given: readonly string[]): string[] {
  const urls = given.map((url) => {
    const endpoint = parseEndpoint(url);
    if (typeof endpoint === "string") throw etcdError("memberBadUrls");
    return endpoint.text;
  });
  if (urls.length === 0) throw etcdError("memberBadUrls");
  return urls;
}
