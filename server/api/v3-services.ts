// All v3 services of a member, registered in one call.
import type { ServiceRegistry } from "#server/rpc/service-registry.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { kvMethods, type ServiceContext } from "./kv.ts";
import type { ApiMember } from "./member.ts";
import { MethodGate } from "./method-gate.ts";
import { watchMethods } from "./watch.ts";

export interface V3Options {
  /** `--max-txn-ops` */
  readonly maxTxnOps: number;
  /** `--max-request-bytes` */
  readonly maxRequestBytes: number;
}

/** Registers every v3 service; what it returns is read by metrics. */
export function registerV3Services(
  registry: ServiceRegistry,
  member: ApiMember,
  options: V3Options,
): { readonly gate: MethodGate } {
  const gate = new MethodGate(member);
  const context: ServiceContext = {
    member,
    gate,
    headers: new HeaderEncoder(member),
    maxTxnOps: options.maxTxnOps,
    maxRequestBytes: options.maxRequestBytes,
  };
  for (const method of [...kvMethods(context), ...watchMethods(context)]) registry.add(method);
  return { gate };
}
