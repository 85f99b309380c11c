// The API over real sockets with a member in memory, for tests.
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { httpEndpoints } from "#server/api/http-endpoints.ts";
import { Metrics } from "#server/api/metrics.ts";
import { registerV3Services, type V3Ports } from "#server/api/v3-services.ts";
import { type ConnectionLimits, defaultLimits } from "#server/rpc/limits.ts";
import { startClientListeners } from "#server/rpc/listeners.ts";
import { type Method, ServiceRegistry } from "#server/rpc/service-registry.ts";
import { FakeMember } from "./api-member.ts";

export const testMaxRequestBytes = 1_572_864;

export interface ApiServer extends AsyncDisposable {
  readonly member: FakeMember;
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly url: string;
}

/** Serves a fake member on a free port of 127.0.0.1 until disposed of. */
export async function startApiServer(
  options: {
    readonly limits?: Partial<ConnectionLimits>;
    readonly methods?: Method[];
    readonly ports?: V3Ports;
  } = {},
): Promise<ApiServer> {
  const member = new FakeMember();
  const registry = new ServiceRegistry();
  const { gate } = registerV3Services(
    registry,
    member,
    systemClock,
    {
      maxTxnOps: 128,
      maxRequestBytes: testMaxRequestBytes,
    },
    options.ports,
  );
  for (const method of options.methods ?? []) registry.add(method);
  const serverVersion = "3.7.3";
  const metrics = new Metrics({ member, registry, gate, serverVersion });
  const onHealth = (healthy: boolean): void => metrics.countHealth(healthy);
  const listeners = await startClientListeners({
    urls: ["http://127.0.0.1:0"],
    registry,
    http: httpEndpoints({ member, serverVersion, metrics, onHealth }),
    limits: { ...defaultLimits(testMaxRequestBytes), ...options.limits },
    clock: systemClock,
    log: silentLog,
  });
  const address = listeners.addresses[0]!;
  return {
    member,
    address,
    url: `http://${address}`,
    [Symbol.asyncDispose]: () => listeners.close(0),
  };
}
