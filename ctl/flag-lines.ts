// How help shows a table of flags.
import { type Flag, flagText } from "#ctl/flags.ts";

/** Two columns, the first as wide as it must be. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

/** One line a flag. */
export function flagLines(flags: readonly Flag[]): string {
  return columns(
    [...flags]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((flag): readonly [string, string] => {
        const short = flag.short === undefined ? "    " : `-${flag.short}, `;
        const kind = flag.kind === "bool" ? "" : ` ${flag.kind.toUpperCase()}`;
        const initial = flagText(flag, flag.initial);
        const isPlain = ["", "0", "false"].includes(initial);
        return [
          `${short}--${flag.name}${kind}`,
          isPlain ? flag.usage : `${flag.usage} (default ${initial})`,
        ];
      }),
  );
}
