// EtcdMember: one member, which owns one pod, one volume claim and one certificate. Made by the operator,
// never by people; it mirrors what must survive if a cluster's status is lost.
import { conditions, nameOf } from "#operator/api/parts.ts";
import {
  bool,
  choice,
  immutable,
  integer,
  object,
  required,
  ruled,
  type TypeOf,
  text,
} from "#operator/api/schema.ts";

const count = (description: string) => integer(description, { from: 0, to: 2 ** 53 - 1 });
const fixed = (name: string, description: string, max = 253) =>
  immutable(required(text(description, { max, min: 1 })), name);

export const etcdMemberSpec = object("Who it is.", {
  clusterName: immutable(required(nameOf("Name of its EtcdCluster.")), "clusterName"),
  clusterUid: fixed(
    "clusterUid",
    "UID of its EtcdCluster: a cluster made again is another one.",
    64,
  ),
  token: fixed("token", "Token that the cluster was begun with."),
  serial: immutable(
    required(integer("Its number; none is used twice.", { from: 1, to: 2 ** 31 - 1 })),
    "serial",
  ),
  peerUrl: ruled(
    required(text("The URL by which it is known in the list of members.", { max: 1024, min: 1 })),
    {
      rule: "self.split('://')[1] == oldSelf.split('://')[1]",
      message: "peerUrl can only go from http to https or back",
    },
  ),
});

export const etcdMemberStatus = object("What is.", {
  phase: choice("Where in its life it stands.", ["Initial", "Joining", "Voter", "Leaving"]),
  clusterId: text("etcd's ID of the cluster.", { max: 16 }),
  memberId: text("etcd's ID of the member.", { max: 16 }),
  started: bool("Whether its process ever had its volume: from then on no volume means data lost."),
  highestSerial: count("The highest serial that any member of the cluster ever had."),
  role: choice("What it is in the cluster.", ["leader", "follower", "learner", "unknown"]),
  ready: bool("Whether it serves."),
  claimName: text("Its volume claim."),
  nodeName: text("The node of its pod."),
  sizeBytes: count("Size of its database."),
  conditions,
});

export type EtcdMemberSpec = TypeOf<typeof etcdMemberSpec>;
export type EtcdMemberStatus = TypeOf<typeof etcdMemberStatus>;
