import assert from "node:assert/strict";
import { test } from "node:test";
import { drawChart } from "./chart.ts";

const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map((match) => match[1]!);

test("axes begin and end at round numbers, lines go where the numbers are", () => {
  const svg = drawChart({
    title: "a & b",
    x: { title: "puts a second", scale: "linear" },
    y: { title: "ms", scale: "log" },
    series: [
      {
        name: "one",
        points: [
          { x: 1000, y: 0.5, label: "1" },
          { x: 42_000, y: 30 },
        ],
      },
      { name: "two", points: [{ x: 50_000, y: 1 }] },
    ],
  });
  const axes = ["0", "10k", "20k", "30k", "40k", "50k", "0.1", "1", "10", "100"];
  assert.deepEqual(texts(svg), ["a &amp; b", ...axes, "puts a second", "ms", "1", "one", "two"]);
  const lines = [...svg.matchAll(/polyline points="([^"]*)"/g)].map((match) => match[1]);
  // 70 to 620 for 0 to 50k; 348 to 46 for three powers of ten.
  assert.deepEqual(lines, ["81,277.64 532,98.63", "620,247.33"]);
});

test("what cannot be drawn is refused", () => {
  const axis = { title: "", scale: "log" } as const;
  const chart = { title: "", x: axis, y: axis };
  assert.throws(() => drawChart({ ...chart, series: [] }), /positive/);
  assert.throws(
    () => drawChart({ ...chart, series: [{ name: "", points: [{ x: 0, y: 1 }] }] }),
    /positive/,
  );
});
