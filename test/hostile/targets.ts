// All that is fuzzed.
import type { Target } from "./target.ts";
import { grpcTarget } from "./targets/grpc.ts";

export const targets: readonly Target[] = [grpcTarget];
