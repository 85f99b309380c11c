// The feature gates of etcd 3.7: names, stages, defaults, and the text form "A=true,B=false". Pure.
import { parseGoBool } from "./go-literals.ts";

export interface FeatureGate {
  readonly stage: "ALPHA" | "BETA";
  readonly default: boolean;
  /** Whether the other value of the gate does anything here yet. */
  readonly support: "yes" | "inert" | "later";
}

/**
 * Every gate that etcd 3.7 knows. AllAlpha and AllBeta set their whole stage. Defaults are etcd's but
 * for the two checks of corruption, which are on.
 */
export const featureGates: Readonly<Record<string, FeatureGate>> = {
  AllAlpha: { stage: "ALPHA", default: false, support: "later" },
  AllBeta: { stage: "BETA", default: false, support: "inert" },
  CompactHashCheck: { stage: "ALPHA", default: true, support: "yes" },
  FastLeaseKeepAlive: { stage: "BETA", default: true, support: "inert" },
  InitialCorruptCheck: { stage: "ALPHA", default: true, support: "yes" },
  LeaseCheckpoint: { stage: "ALPHA", default: false, support: "yes" },
  LeaseCheckpointPersist: { stage: "ALPHA", default: false, support: "yes" },
  PriorityRequest: { stage: "ALPHA", default: false, support: "inert" },
  SetMemberLocalAddr: { stage: "ALPHA", default: false, support: "later" },
  StopGRPCServiceOnDefrag: { stage: "ALPHA", default: false, support: "later" },
  TxnModeWriteWithSharedBuffer: { stage: "BETA", default: true, support: "inert" },
};

/** All gates with their values after `text`, or the reason why it is not understood. */
export function parseFeatureGates(text: string): ReadonlyMap<string, boolean> | string {
  const gates = new Map(Object.entries(featureGates).map(([name, gate]) => [name, gate.default]));
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
    gates.set(name, value);
    const stage = name === "AllAlpha" ? "ALPHA" : name === "AllBeta" ? "BETA" : undefined;
    if (stage === undefined || !value) continue;
    for (const [other, gate] of Object.entries(featureGates)) {
      if (gate.stage === stage) gates.set(other, true);
    }
  }
  return gates;
}
