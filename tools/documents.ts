// The documents and CustomResourceDefinitions that are made from tables in the code. `npm run gen` writes them; a test and
// `npm run check` keep them equal.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { definitionFiles } from "#operator/api/definitions.ts";
import { errorTable } from "#proto/errors.ts";
import { flagsDocument } from "#server/config/help.ts";
import { proxyFlagsDocument } from "#server/proxy/command-line.ts";
import { withApiPart } from "#test/differential/document.ts";

const compatibility = "docs/compatibility.md";

/** The content of docs/errors.md. */
export function errorsDocument(): string {
  const rows = Object.entries(errorTable).map(
    ([name, [code, message]]) => `| ${name} | ${code} | \`etcdserver: ${message}\` |`,
  );
  return [
    "<!-- Made from proto/errors.ts by `npm run gen`. Do not edit. -->",
    "",
    "# Errors of the client protocol",
    "",
    "gRPC status code and exact message of every error, as etcd has them; clients match on both.",
    "",
    "| name in the code | gRPC code | message |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** Path from the root of the repository and content. */
export function documents(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/flags.md", `${flagsDocument()}\n${proxyFlagsDocument()}`],
    ["docs/errors.md", errorsDocument()],
    [
      compatibility,
      withApiPart(readFileSync(join(import.meta.dirname, "..", compatibility), "utf8")),
    ],
    ...definitionFiles(),
  ]);
}
