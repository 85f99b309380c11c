// grpc.health.v1.Health. Only the server as a whole, the empty name, is known.
import { Buffer } from "node:buffer";
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

/** The one entry of the map from name to status: the empty name serves. */
const everyService = Uint8Array.of(0x0a, 6, 0x0a, 0, 0x12, 2, 0x08, 1);

/** The methods of the health service. */
export function healthMethods(context: ServiceContext): SingleRequestMethod[] {
  const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
  return [
    singleRequest(context.gate, {
      path: `${service}Check`,
      decode: (bytes) => HealthCheckRequest.decode(bytes),
      async run(request) {
        if (request.service !== "") throw new EtcdError(grpcCode.notFound, "unknown service");
        return HealthCheckResponse.encode({ status: SERVING }).finish();
      },
    }),
    singleRequest(context.gate, {
      path: `${service}List`,
      decode: () => undefined,
      async run() {
        return Buffer.from(everyService);
      },
    }),
    singleRequest(context.gate, {
      path: `${service}Watch`,
      responseStream: true,
      decode: (bytes) => HealthCheckRequest.decode(bytes),
      async run(request, responder) {
        // The status never changes while the process lives: the stream stays open, silent.
        const status = request.service === "" ? SERVING : SERVICE_UNKNOWN;
        responder.write(HealthCheckResponse.encode({ status }).finish());
        return undefined;
      },
    }),
  ];
}
