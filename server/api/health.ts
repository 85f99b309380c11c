// grpc.health.v1.Health. Only the server as a whole, the empty name, is known; it serves, but during a
// defragmentation with gate StopGRPCServiceOnDefrag.
import { EtcdError, grpcCode } from "#proto/errors.ts";
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
} from "#proto/gen/health.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import type { ServiceContext } from "./kv.ts";
import { singleRequest } from "./method-gate.ts";

const service = "/grpc.health.v1.Health/";
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

/** What the health service says, and who is told of a change. */
export class ServingStatus {
  private readonly stopsOnDefrag: boolean;
  private readonly changed: (status: string, reason: string) => void;
  private readonly watchers = new Set<() => void>();
  private defrags = 0;

  /** `changed` is called with each new status; it logs. */
  constructor(stopsOnDefrag: boolean, changed: (status: string, reason: string) => void) {
    this.stopsOnDefrag = stopsOnDefrag;
    this.changed = changed;
  }

  get status(): HealthCheckResponse_ServingStatus {
    return this.defrags > 0 ? NOT_SERVING : SERVING;
  }

  /** A defragmentation begins; call what this returns at its end. */
  defragmenting(): () => void {
    if (!this.stopsOnDefrag) return () => {};
    if (this.defrags++ === 0) this.tell("NOT_SERVING", "defrag is active");
    return () => {
      if (--this.defrags === 0) this.tell("SERVING", "");
    };
  }

  /** Calls `run` after each change; returns its undoing. */
  watch(run: () => void): () => void {
    this.watchers.add(run);
    return () => void this.watchers.delete(run);
  }

  private tell(status: string, reason: string): void {
    this.changed(status, reason);
    for (const run of this.watchers) run();
  }
}

/** The methods of the health service. */
export function healthMethods(context: ServiceContext): SingleRequestMethod[] {
  const { gate, serving } = context;
  return [
    singleRequest(gate, {
      path: `${service}Check`,
      decode: (bytes) => HealthCheckRequest.decode(bytes),
      async run(request) {
        if (request.service !== "") throw new EtcdError(grpcCode.notFound, "unknown service");
        return HealthCheckResponse.encode({ status: serving.status }).finish();
      },
    }),
    singleRequest(gate, {
      path: `${service}List`,
      decode: () => undefined,
      async run() {
        // One entry of the map from name to status.
        return Uint8Array.of(0x0a, 6, 0x0a, 0, 0x12, 2, 0x08, serving.status);
      },
    }),
    singleRequest(gate, {
      path: `${service}Watch`,
      responseStream: true,
      endless: true,
      decode: (bytes) => HealthCheckRequest.decode(bytes),
      async run(request, responder) {
        const known = request.service === "";
        const send = (): void => {
          const status = known ? serving.status : SERVICE_UNKNOWN;
          responder.write(HealthCheckResponse.encode({ status }).finish());
        };
        send();
        if (known) responder.onEnded(serving.watch(send));
        return undefined;
      },
    }),
  ];
}
