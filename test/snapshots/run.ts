// Snapshots in full, by hand: files of every release, with many keys. Usage: node test/snapshots/run.ts
// [KIND ...] [KEYS]; kinds are ours, reference, reference-3.6 and reference-3.5.
import type { MemberKind } from "#test/cluster/launchers.ts";
import { interchange } from "./interchange.ts";

const kinds: readonly MemberKind[] = ["ours", "reference", "reference-3.6", "reference-3.5"];
const words = process.argv.slice(2);
const keys = Number(words.find((word) => /^\d+$/.test(word)) ?? 100_000);
const wanted = kinds.filter((kind) => words.includes(kind));
for (const kind of wanted.length > 0 ? wanted : kinds) {
  const start = performance.now();
  await interchange(kind, keys);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`ok  a snapshot of ${kind}, ${keys} keys, both ways: ${seconds} s`);
}
