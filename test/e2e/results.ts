// What came of each case, kept in the cache from one run to the next: a run with --resume leaves out what passed
// at the same commit, and --record writes docs/e2e.md from it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type BodyName, bodyNames, output } from "./body.ts";
import type { CaseInfo } from "./case.ts";

const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "etcd-ts");
const file = join(cache, "e2e", "results.json");
const page = join(import.meta.dirname, "..", "..", "docs", "e2e.md");
const begin = "<!-- results: npm run e2e -- --record -->";
const end = "<!-- end of results -->";

export interface Result {
  /** With a + if the checkout had changes that are in no commit. */
  readonly commit: string;
  readonly isGood: boolean;
  readonly seconds: number;
}

/** By body and name of the case. */
export type Results = Record<string, Result>;

export const keyOf = (body: string, one: CaseInfo): string => `${body}/${one.name}`;

export async function currentCommit(): Promise<string> {
  const commit = (await output("git", ["rev-parse", "--short=10", "HEAD"])).trim();
  const changes = (await output("git", ["status", "--porcelain"])).trim();
  return changes === "" ? commit : `${commit}+`;
}

export function readResults(): Results {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Results;
  } catch {
    return {};
  }
}

export function keepResult(key: string, result: Result): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...readResults(), [key]: result }, null, 1));
}

/**
 * Puts a table of all cases, and what came of those that were run, into docs/e2e.md. A case has a row for each body that
 * has it and on which it was run, and for `plain` and `local` one anyway.
 */
export function recordResults(casesOf: (body: BodyName) => readonly CaseInfo[]): void {
  const results = readResults();
  const all = bodyNames.flatMap((body) => casesOf(body).map((one) => ({ body, ...one })));
  const names = [...new Set(all.map((one) => one.name))];
  const rows = names
    .flatMap((name) => all.filter((one) => one.name === name))
    .filter((one) => !one.body.startsWith("kind") || results[keyOf(one.body, one)] !== undefined)
    .map((one) => {
      const { commit = "–", isGood, seconds } = results[keyOf(one.body, one)] ?? {};
      const result = isGood === undefined ? "not run" : isGood ? `ok, ${seconds} s` : "failed";
      const isCore = one.isCore === true ? "core" : "";
      return `| ${one.name} | ${one.what} | ${isCore} | ${one.body} | ${commit} | ${result} |`;
    });
  const head = [
    "| case | what | | body | commit | result |",
    "| --- | --- | --- | --- | --- | --- |",
  ];
  const text = readFileSync(page, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/e2e.md has no ${begin} … ${end}`);
  const table = [begin, "", ...head, ...rows, "", ""].join("\n");
  writeFileSync(page, text.slice(0, from) + table + text.slice(to));
}
