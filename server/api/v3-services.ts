// All v3 services of a member, registered in one call.
import type { Clock } from "#base/clock.ts";
import type { ServiceRegistry } from "#server/rpc/service-registry.ts";
import { Access } from "./access.ts";
import { authMethods } from "./auth.ts";
import { type CallObserver, observed } from "./call-observer.ts";
import { clusterMethods } from "./cluster.ts";
import { electionMethods } from "./election.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { healthMethods, ServingStatus } from "./health.ts";
import { kvMethods, type ServiceContext } from "./kv.ts";
import { leaseMethods } from "./lease.ts";
import { lockMethods } from "./lock.ts";
import { maintenanceMethods } from "./maintenance.ts";
import type { ApiMember } from "./member.ts";
import { MethodGate } from "./method-gate.ts";
import type { SlowRequests } from "./slow-requests.ts";
import { watchMethods } from "./watch.ts";

export interface V3Options {
  /** `--max-txn-ops` */
  readonly maxTxnOps: number;
  /** `--max-request-bytes` */
  readonly maxRequestBytes: number;
  /** Who looks at every call. */
  readonly observers?: readonly CallObserver[];
}

/** What services tell of, and are told; all of it may be left out. */
export interface V3Ports {
  /** Is told of slow requests. */
  readonly slow?: SlowRequests;
  /** What the health service says; by default always that it serves. */
  readonly serving?: ServingStatus;
}

/** Registers every v3 service; what it returns is read by metrics. */
export function registerV3Services(
  registry: ServiceRegistry,
  member: ApiMember,
  clock: Clock,
  options: V3Options,
  ports: V3Ports = {},
): { readonly gate: MethodGate } {
  const gate = new MethodGate(member, ports.slow);
  const context: ServiceContext = {
    clock,
    member,
    gate,
    access: new Access(member.auth),
    headers: new HeaderEncoder(member),
    serving: ports.serving ?? new ServingStatus(false, () => {}),
    maxTxnOps: options.maxTxnOps,
    maxRequestBytes: options.maxRequestBytes,
  };
  const services = [
    kvMethods,
    watchMethods,
    leaseMethods,
    lockMethods,
    electionMethods,
    clusterMethods,
    maintenanceMethods,
    authMethods,
    healthMethods,
  ];
  const observers = options.observers ?? [];
  for (const methods of services) {
    for (const method of methods(context)) registry.add(observers.reduce(observed, method));
  }
  return { gate };
}
