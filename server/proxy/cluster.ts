// etcdserverpb.Cluster through a proxy: changes are handed on; the list shows proxies in the place of
// members, so that clients that look for more endpoints stay behind proxies.
import { ClusterDefinition, MemberListResponse } from "#proto/gen/cluster.ts";
import type { Method } from "#server/rpc/service-registry.ts";
import { forwarded } from "./forwarding.ts";
import type { RegisteredProxy } from "./registration.ts";
import type { Upstream } from "./upstream.ts";

export interface ClusterSetup {
  readonly upstream: Upstream;
  /** --advertise-client-url; the members themselves are listed if empty. */
  readonly advertised: string;
  readonly hostName: string;
  /** Those that are registered, this one among them. */
  readonly proxies: () => readonly RegisteredProxy[];
}

const listPath = "/etcdserverpb.Cluster/MemberList";

/** All methods of the Cluster service. */
export function clusterMethods(setup: ClusterSetup): Method[] {
  const { upstream, advertised, hostName, proxies } = setup;
  if (advertised === "") return forwarded(upstream, ClusterDefinition);
  return [
    ...forwarded(upstream, ClusterDefinition, { without: new Set([listPath]) }),
    {
      path: listPath,
      requestStream: false,
      responseStream: false,
      handle(_, responder) {
        const registered = proxies();
        const shown =
          registered.length > 0 ? registered : [{ name: hostName, address: advertised }];
        const members = shown.map(({ name, address }) => ({ name, clientURLs: [address] }));
        responder.reply(
          MemberListResponse.encode(MemberListResponse.fromPartial({ members })).finish(),
        );
      },
    },
  ];
}
