// Durations as Go prints them, which is how etcd writes them in logs and messages.

/** A duration as Go prints it: "0s", "100ms", "1m30s", "2h0m0s". */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return "0s";
  const sign = ms < 0 ? "-" : "";
  const ns = Math.round(Math.abs(ms) * 1e6);
  if (ns < 1000) return `${sign}${ns}ns`;
  if (ns < 1_000_000) return `${sign}${ns / 1000}µs`;
  if (ns < 1_000_000_000) return `${sign}${ns / 1_000_000}ms`;
  const seconds = Math.floor(ns / 1e9);
  const fraction = ((ns % 1e9) / 1e9)
    .toFixed(9)
    .slice(1)
    .replace(/\.?0+$/, "");
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = `${seconds % 60}${fraction}s`;
  return `${sign}${h > 0 ? `${h}h${m}m` : m > 0 ? `${m}m` : ""}${s}`;
}
