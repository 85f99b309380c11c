// All that is fuzzed.
import type { Target } from "./target.ts";
import { commandsTarget } from "./targets/commands.ts";
import { ctlTarget } from "./targets/ctl.ts";
import { dataTarget } from "./targets/data.ts";
import { discoveryTarget } from "./targets/discovery.ts";
import { fileTargets } from "./targets/files.ts";
import { grpcTarget } from "./targets/grpc.ts";
import { httpTargets, jsonTextTarget } from "./targets/http.ts";
import { peerTarget } from "./targets/peer.ts";
import { raftTarget } from "./targets/raft.ts";
import { statesTarget } from "./targets/states.ts";

export const targets: readonly Target[] = [
  grpcTarget,
  ...httpTargets,
  peerTarget,
  statesTarget,
  jsonTextTarget,
  raftTarget,
  commandsTarget,
  dataTarget,
  discoveryTarget,
  ctlTarget,
  ...fileTargets,
];
