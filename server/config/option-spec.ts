// What one row of the options table says. The rows are in options-*.ts, options.ts joins them.
import type { OptionType } from "./values.ts";

/** In the order of the help text. */
export const optionGroups = [
  "Member",
  "Clustering",
  "Security",
  "Auth",
  "Profiling and Monitoring",
  "Logging",
  "Distributed tracing",
  "Features",
  "Unsafe feature",
] as const;

export type OptionGroup = (typeof optionGroups)[number];

/**
 * yes: it works. inert: accepted, without effect, because nothing here corresponds to it.
 * later: refused when set to anything but its default, because what it asks for is not there yet.
 */
export type Support = "yes" | "inert" | "later";

export interface OptionSpec {
  readonly type: OptionType;
  /** As it would be written on the command line. */
  readonly default: string;
  readonly group: OptionGroup;
  readonly support: Support;
  /** What it does, in our words; ends without a full stop only if it is an enumeration. */
  readonly help: string;
  /** For type "choice". */
  readonly choices?: readonly string[];
  /** Where it stands in a config file if not under its own name; "none": flag and variable only. */
  readonly file?: readonly string[] | "none";
  /** In a config file a list is a YAML list (true) or, as for URLs, one text with commas. */
  readonly fileList?: true;
  /** Never shown in logs. */
  readonly secret?: true;
}
