// The feature gates of etcd 3.7: names, stages, defaults, and the text form "A=true,B=false". Pure.
import { parseGoBool } from "./go-literals.ts";

export interface FeatureGate {
  readonly stage: "ALPHA" | "BETA";
  readonly default: boolean;
  /** Whether the other value of the gate does anything here. */
  readonly support: "yes" | "inert";
  /** What it does, or why it does nothing here. */
  readonly help: string;
}

/**
 * Every gate that etcd 3.7 knows. Defaults are etcd's but
 * for the two checks of corruption, which are on.
 */
export const featureGates: Readonly<Record<string, FeatureGate>> = {
  AllAlpha: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "Sets all gates of stage ALPHA that are not named themselves.",
  },
  AllBeta: {
    stage: "BETA",
    default: false,
    support: "yes",
    help: "The same for stage BETA.",
  },
  CompactHashCheck: {
    stage: "ALPHA",
    default: true,
    support: "yes",
    help: "The leader compares hashes of compactions.",
  },
  FastLeaseKeepAlive: {
    stage: "BETA",
    default: true,
    support: "inert",
    help: "A renewal need not wait for what is committed to be applied. Here applying is part of the turn that commits, so there is nothing to wait for.",
  },
  InitialCorruptCheck: {
    stage: "ALPHA",
    default: true,
    support: "yes",
    help: "Data is compared with the peers' before a start.",
  },
  LeaseCheckpoint: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "What is left of leases longer than 5 minutes is replicated, each 5 minutes.",
  },
  LeaseCheckpointPersist: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "It is also kept on the disk below cluster version 3.6, above which it always is. Needs LeaseCheckpoint.",
  },
  PriorityRequest: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "Leases may be revoked up to 10000 instead of 5000 entries behind.",
  },
  SetMemberLocalAddr: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "Connections to peers come from the first address of --initial-advertise-peer-urls that is not loopback.",
  },
  StopGRPCServiceOnDefrag: {
    stage: "ALPHA",
    default: false,
    support: "yes",
    help: "The gRPC health service says NOT_SERVING during a defragmentation. Requests are served all the same.",
  },
  TxnModeWriteWithSharedBuffer: {
    stage: "BETA",
    default: true,
    support: "inert",
    help: "How etcd buffers reads of a transaction; there is no such buffer here.",
  },
};

/**
 * All gates with their values after `text`, or the reason why it is not understood. AllAlpha and
 * AllBeta set those of their stage that the text does not name itself, wherever they stand.
 */
export function parseFeatureGates(text: string): ReadonlyMap<string, boolean> | string {
  const named = new Map<string, boolean>();
  for (const item of text.split(",")) {
    const part = item.trim();
    if (part === "") continue;
    const cut = part.indexOf("=");
    const name = (cut < 0 ? part : part.slice(0, cut)).trim();
    if (cut < 0) return `missing bool value for ${name}`;
    const given = part.slice(cut + 1).trim();
    const value = parseGoBool(given);
    if (value === undefined) {
      return `invalid value of ${name}=${given}, err: strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax`;
    }
    if (!Object.hasOwn(featureGates, name)) return `unrecognized feature gate: ${name}`;
    named.set(name, value);
  }
  const stages = { ALPHA: named.get("AllAlpha"), BETA: named.get("AllBeta") };
  return new Map(
    Object.entries(featureGates).map(([name, gate]) => [
      name,
      named.get(name) ?? stages[gate.stage] ?? gate.default,
    ]),
  );
}

/** ALPHA or BETA, of a gate that there is. */
export function gateStage(name: string): string {
  return (featureGates as Readonly<Record<string, FeatureGate>>)[name]?.stage ?? "";
}
