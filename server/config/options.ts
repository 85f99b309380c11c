// The one table of options. Flags, ETCD_* variables, config-file keys, defaults, help and
// docs/flags.md all come from it. Rules: facts of etcd 3.7; rows it lacks say so in their help.

import type { OptionSpec } from "./option-spec.ts";
import { memberOptions } from "./options-member.ts";
import { runningOptions } from "./options-running.ts";
import { securityOptions } from "./options-security.ts";
import type { ValueTypes } from "./values.ts";

/** Every option, in the order of the help text. */
export const options = {
  ...memberOptions,
  ...securityOptions,
  ...runningOptions,
} as const;

export type OptionName = keyof typeof options;
/** The type that the value of option `N` has. */
export type ValueOf<N extends OptionName> = ValueTypes[(typeof options)[N]["type"]];

/** Every option with its name. */
export const optionEntries: readonly (readonly [OptionName, OptionSpec])[] = Object.entries(
  options,
) as [OptionName, OptionSpec][];

/** The row of `name`, or undefined if there is none. */
export function findOption(name: string): OptionSpec | undefined {
  return Object.hasOwn(options, name) ? options[name as OptionName] : undefined;
}

/** Accepted for the sake of very old command lines, and ignored. They take no argument. */
export const ignoredFlags: ReadonlySet<string> = new Set([
  "cluster-active-size",
  "cluster-remove-delay",
  "cluster-sync-interval",
  "config",
  "force",
  "max-result-buffer",
  "max-retry-attempts",
  "peer-heartbeat-interval",
  "peer-election-timeout",
  "retry-interval",
  "snapshot",
  "v",
  "vv",
]);

const renamedGates = {
  "experimental-compact-hash-check-enabled": "CompactHashCheck",
  "experimental-enable-lease-checkpoint": "LeaseCheckpoint",
  "experimental-enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
  "experimental-initial-corrupt-check": "InitialCorruptCheck",
  "experimental-stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
  "experimental-txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
} as const;

const renamedOptions = [
  "bootstrap-defrag-threshold-megabytes",
  "compact-hash-check-time",
  "compaction-batch-limit",
  "compaction-sleep-interval",
  "corrupt-check-time",
  "distributed-tracing-address",
  "distributed-tracing-instance-id",
  "distributed-tracing-sampling-rate",
  "distributed-tracing-service-name",
  "downgrade-check-time",
  "enable-distributed-tracing",
  "memory-mlock",
  "peer-skip-client-san-verification",
  "snapshot-catchup-entries",
  "warning-apply-duration",
  "warning-unary-request-duration",
  "watch-progress-notify-interval",
] as const satisfies readonly OptionName[];

/** What a name of etcd 3.6 and older stands for today. etcd 3.7 refuses these; here they warn. */
export type OldName =
  | { readonly option: OptionName; readonly gate?: undefined }
  | { readonly option: "feature-gates"; readonly gate: string };

export const oldNames: ReadonlyMap<string, OldName> = new Map<string, OldName>([
  ...renamedOptions.map((option) => [`experimental-${option}`, { option }] as const),
  ...Object.entries(renamedGates).map(
    ([name, gate]) => [name, { option: "feature-gates", gate }] as const,
  ),
]);

/** The environment variable of a flag. */
export function variableOf(name: string): string {
  return `ETCD_${name.toUpperCase().replaceAll("-", "_")}`;
}
