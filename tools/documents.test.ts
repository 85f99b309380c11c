import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { documents } from "#tools/documents.ts";

for (const [path, content] of documents()) {
  test(`${path} is what its table says (npm run gen makes it)`, () => {
    assert.equal(readFileSync(join(import.meta.dirname, "..", path), "utf8"), content);
  });
}
