// Snapshots in full, by hand. Usage: node test/snapshots/run.ts [KIND ...] [killed] [KEYS]: files of
// servers of these kinds (ours, reference, reference-3.6, reference-3.5), with so many keys; and every
// place at which a process can be killed.
import { performance } from "node:perf_hooks";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { type CrashName, type CrashPoint, crashPoints } from "./crash-points.ts";
import { interchange } from "./interchange.ts";
import { KilledMembers } from "./killed.ts";

const kinds: readonly MemberKind[] = ["ours", "reference", "reference-3.6", "reference-3.5"];
const words = process.argv.slice(2);
const keys = Number(words.find((word) => /^\d+$/.test(word)) ?? 100_000);
const named = kinds.filter((kind) => words.includes(kind));
const all = named.length === 0 && !words.includes("killed");

async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`ok  ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

for (const kind of all ? kinds : named) {
  await timed(`a snapshot of ${kind}, ${keys} keys, both ways`, () => interchange(kind, keys));
}
if (all || words.includes("killed")) {
  for (const form of ["file", "tables"] as const) {
    const members = await KilledMembers.start(form);
    try {
      for (const [name, point] of Object.entries<CrashPoint>(crashPoints)) {
        if (point.side === "restore" || (point.form ?? form) !== form) continue;
        await timed(`killed, ${form}: ${name}`, () => members.round(name as CrashName));
      }
    } finally {
      await members.stop();
    }
  }
}
