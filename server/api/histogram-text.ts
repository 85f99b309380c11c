// Histograms that are counted without prom-client, in Prometheus' text.
import type { DurationCounts } from "#base/duration-counts.ts";

export interface DurationSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: DurationCounts;
}

/** One metric; a series with labels that counted nothing is left out. */
export function histogramText(
  name: string,
  help: string,
  series: Iterable<DurationSeries>,
): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
  for (const { labels, durations } of series) {
    const pairs = Object.entries(labels).map(
      ([label, value]) => `${label}=${JSON.stringify(value)}`,
    );
    const joined = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    const { bounds, counts, sumSeconds } = durations;
    let total = 0;
    let lines = "";
    for (let at = 0; at < counts.length; at++) {
      total += counts[at]!;
      const le = at < bounds.length ? String(bounds[at]) : "+Inf";
      lines += `${name}_bucket{${[...pairs, `le="${le}"`].join(",")}} ${total}\n`;
    }
    if (total === 0 && joined !== "") continue;
    text += `${lines}${name}_sum${joined} ${sumSeconds}\n${name}_count${joined} ${total}\n`;
  }
  return text;
}
