// All that is fuzzed.
import type { Target } from "./target.ts";
import { commandsTarget } from "./targets/commands.ts";
import { grpcTarget } from "./targets/grpc.ts";
import { raftTarget } from "./targets/raft.ts";

export const targets: readonly Target[] = [grpcTarget, commandsTarget, raftTarget];
