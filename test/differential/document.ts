// The part of docs/compatibility.md that is made: a row for each RPC of the v3 API.
import { unaskedErrors, unaskedServices } from "./coverage.ts";
import { type ApiDifference, differences } from "./differences.ts";
import { type Field, schema } from "./schema.ts";

const begin = "<!-- The v3 API: made by `npm run gen` from test/differential. -->";
const end = "<!-- End of what is made. -->";

function fieldsOf(message: string): readonly Field[] {
  return schema.messages.get(message) ?? [];
}

/** Options of an RPC: the fields of its request, with those of a message that is one of them. */
function optionsOf(message: string): readonly string[] {
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
    rows.push(`| ${key} | ${optionsOf(request).join(", ")} | ${verdict} |`);
  }
  return rows;
}

function part(): string {
  const errors = Object.entries(unaskedErrors).map(([name, why]) => `\`${name}\` (${why})`);
  return [
    begin,
    "",
    "## The v3 API, RPC by RPC",
    "",
    "`test/differential` sends the same generated requests to a member of etcd and to one of ours and",
    "compares the answers, with every option and every error that one member can be brought to. The rows",
    "say what it makes room for; what shows only in clusters, under failures or at limits stands in the",
    "tables above. The flags have rows of their own in [flags.md](flags.md), the errors in",
    "[errors.md](errors.md).",
    "",
    "| RPC | options | compared with etcd 3.7.3 |",
    "| --- | --- | --- |",
    ...apiRows(),
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
