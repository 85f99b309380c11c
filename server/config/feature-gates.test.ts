import assert from "node:assert/strict";
import { test } from "node:test";
import { featureGates, parseFeatureGates } from "#server/config/feature-gates.ts";

/** The gates that differ from their defaults, as text. */
function changes(text: string): string {
  const parsed = parseFeatureGates(text);
  assert.ok(typeof parsed !== "string", String(parsed));
  return [...parsed]
    .filter(([name, value]) => featureGates[name]!.default !== value)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

test("AllAlpha and AllBeta set what is not named, wherever they stand", () => {
  const alphas =
    "LeaseCheckpoint=true LeaseCheckpointPersist=true PriorityRequest=true SetMemberLocalAddr=true StopGRPCServiceOnDefrag=true";
  const rows = [
    ["", ""],
    ["LeaseCheckpoint=true", "LeaseCheckpoint=true"],
    ["AllAlpha=true", `AllAlpha=true ${alphas}`],
    ["AllAlpha=true,LeaseCheckpoint=true", `AllAlpha=true ${alphas}`],
    [
      "AllAlpha=true,PriorityRequest=false",
      `AllAlpha=true ${alphas.replace("PriorityRequest=true ", "")}`,
    ],
    [
      "PriorityRequest=false,AllAlpha=true",
      `AllAlpha=true ${alphas.replace("PriorityRequest=true ", "")}`,
    ],
    ["AllAlpha=false", "CompactHashCheck=false InitialCorruptCheck=false"],
    ["AllBeta=true", "AllBeta=true"],
    ["AllBeta=false", "FastLeaseKeepAlive=false TxnModeWriteWithSharedBuffer=false"],
    ["FastLeaseKeepAlive=true,AllBeta=false", "TxnModeWriteWithSharedBuffer=false"],
  ] as const;
  for (const [text, want] of rows) assert.equal(changes(text), want, text);
});
