// The part of docs/compatibility.md that is made: a row for each RPC of the v3 API and one for
// each option.
import {
  leastCount,
  optionsOf,
  unaskedErrors,
  unaskedOptions,
  unaskedServices,
} from "./coverage.ts";
import { type ApiDifference, differences } from "./differences.ts";
import { type Field, schema } from "./schema.ts";

const begin = "<!-- The v3 API: made by `npm run gen` from test/differential. -->";
const end = "<!-- End of what is made. -->";

function fieldsOf(message: string): readonly Field[] {
  return schema.messages.get(message) ?? [];
}

/** Options of an RPC: the fields of its request, with those of a message that is one of them. */
function fieldsText(message: string): readonly string[] {
  return fieldsOf(message).map(({ name, type }) => {
    const inner = fieldsOf(type).map((field) => field.name);
    return inner.length === 0 ? `\`${name}\`` : `\`${name}\` (${inner.join(", ")})`;
  });
}

/** The rows of the v3 API. */
export function apiRows(): readonly string[] {
  const all: readonly ApiDifference[] = Object.values(differences);
  const rows: string[] = [];
  for (const { key, request } of schema.rpcs.values()) {
    const unasked = unaskedServices[key.split("/")[0]!];
    const own = all.filter(({ rpcs }) => rpcs.includes(key));
    const verdict =
      unasked !== undefined
        ? `not compared: ${unasked}`
        : own.length === 0
          ? "same"
          : own.map((one) => `${one.etcd}. Ours: ${one.ours} (${one.why})`).join("<br>");
    rows.push(`| ${key} | ${fieldsText(request).join(", ")} | ${verdict} |`);
  }
  return rows;
}

/** The rows of the options: a field, or a value of one, with the RPCs that take it. */
export function optionRows(): readonly string[] {
  const all: readonly ApiDifference[] = Object.values(differences);
  const rows = new Map<string, { readonly text: string; readonly rpcs: string[] }>();
  for (const { key, request } of schema.rpcs.values()) {
    if (key.split("/")[0]! in unaskedServices) continue;
    for (const { name, message, field, value } of optionsOf(request)) {
      const unasked = unaskedOptions[name];
      const own = all.filter(({ options }) => options.includes(name.replace(/=.*/, "")));
      const verdict =
        unasked !== undefined
          ? `not asked: ${unasked}`
          : own.length === 0
            ? "same"
            : own.map((one) => `${one.etcd}. Ours: ${one.ours}`).join("<br>");
      const text = `\`${message}.${field.name}\` | ${value ?? ""}`;
      const row = rows.get(name) ?? { text: `| ${text} | RPCS | ${verdict} |`, rpcs: [] };
      if (!row.rpcs.includes(key)) row.rpcs.push(key);
      rows.set(name, row);
    }
  }
  return [...rows.values()].map(({ text, rpcs }) => text.replace("RPCS", rpcs.join(", ")));
}

function part(): string {
  const errors = Object.entries(unaskedErrors).map(([name, why]) => `\`${name}\` (${why})`);
  return [
    begin,
    "",
    "## The v3 API, RPC by RPC",
    "",
    "`test/differential` sends the same generated requests to a member of etcd and to one of ours and",
    "compares the answers, with every option and every error that one member can be brought to, over gRPC",
    "and as JSON. The rows",
    "say what it makes room for; what shows only in clusters, under failures or at limits stands in the",
    "tables above. The flags have rows of their own in [flags.md](flags.md), the errors in",
    "[errors.md](errors.md).",
    "",
    "| RPC | options | compared with etcd 3.7.3 |",
    "| --- | --- | --- |",
    ...apiRows(),
    "",
    "### Options",
    "",
    `Every field of a request, and every value of those that have a few, is asked for at least ${leastCount} times`,
    "in each `npm test`, or the test fails. A difference stands where the option brings it about.",
    "",
    "| field | value | RPCs | compared with etcd 3.7.3 |",
    "| --- | --- | --- | --- |",
    ...optionRows(),
    "",
    `Errors that it does not bring about: ${errors.join(", ")}.`,
    "",
    end,
  ].join("\n");
}

/** docs/compatibility.md with its made part as it should be; the part goes to the end if there is none. */
export function withApiPart(document: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${part()}\n`;
  return document.slice(0, from) + part() + document.slice(to + end.length);
}
