import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionFiles } from "#operator/api/definitions.ts";

/** kubectl apply keeps what was applied in an annotation, and all annotations together have 256 KiB. */
const maxBytes = 200_000;

test("definitions: each can be applied with kubectl", () => {
  const files = definitionFiles();
  assert.equal(files.length, 4);
  for (const [path, text] of files) {
    assert(Buffer.byteLength(text) < maxBytes, `${path} is too large to be applied`);
  }
});
