// Curves as an SVG picture: axes with round numbers, one line a series, a legend. Pure: the same numbers
// give the same picture. Colours and text are readable on white and on dark pages alike.
import { assert } from "#base/assert.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly label?: string }[];
}

export interface Axis {
  readonly title: string;
  readonly scale: "linear" | "log";
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const width = 640;
const height = 400;
const plot = { left: 70, right: 20, top: 46, bottom: 52 } as const;
const colours = ["#3b82c4", "#d9722e", "#5a9e4b", "#9a62b5"] as const;
const ink = "#7a7f87";

/** The picture of `chart`, whose values are positive and of which there is at least one. */
export function drawChart(chart: Chart): string {
  const points = chart.series.flatMap((one) => one.points);
  const xTicks = ticksOf(
    chart.x.scale,
    points.map((point) => point.x),
  );
  const yTicks = ticksOf(
    chart.y.scale,
    points.map((point) => point.y),
  );
  const right = width - plot.right;
  const bottom = height - plot.bottom;
  const atX = placing(chart.x.scale, xTicks, plot.left, right);
  const atY = placing(chart.y.scale, yTicks, bottom, plot.top);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" fill="${ink}">`,
    `<title>${escaped(chart.title)}</title>`,
    label(plot.left, 18, chart.title, "start", ' font-size="14"'),
  ];
  for (const tick of xTicks) {
    const x = atX(tick);
    parts.push(grid(x, plot.top, x, bottom), label(x, bottom + 18, short(tick), "middle"));
  }
  for (const tick of yTicks) {
    const y = atY(tick);
    parts.push(grid(plot.left, y, right, y), label(plot.left - 8, y + 4, short(tick), "end"));
  }
  parts.push(
    label((plot.left + right) / 2, height - 10, chart.x.title, "middle"),
    label(0, 0, chart.y.title, "middle", ` transform="translate(16 ${height / 2}) rotate(-90)"`),
  );
  for (const [at, { name, points }] of chart.series.entries()) {
    const colour = colours[at % colours.length]!;
    const places = points.map(({ x, y }) => `${round(atX(x))},${round(atY(y))}`);
    parts.push(
      `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    );
    for (const { x, y, label: text } of points) {
      parts.push(`<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3" fill="${colour}"/>`);
      if (text !== undefined)
        parts.push(label(atX(x) + 6, atY(y) - 6, text, "start", ' font-size="10"'));
    }
    const legend = plot.left + at * 150;
    parts.push(
      `<rect x="${legend}" y="28" width="10" height="10" fill="${colour}"/>`,
      label(legend + 16, 37, name, "start"),
    );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

/** Round values from below the least to above the greatest; from 0 on a linear axis. */
function ticksOf(scale: Axis["scale"], values: readonly number[]): readonly number[] {
  assert(values.length > 0 && values.every((one) => one > 0), "a chart needs positive values");
  const most = Math.max(...values);
  const ticks: number[] = [];
  if (scale === "log") {
    const first = Math.floor(Math.log10(Math.min(...values)));
    const last = Math.max(first + 1, Math.ceil(Math.log10(most)));
    for (let power = first; power <= last; power++) ticks.push(10 ** power);
    return ticks;
  }
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  for (let n = 0; (n - 1) * step < most; n++) ticks.push(n * step);
  return ticks;
}

function placing(
  scale: Axis["scale"],
  ticks: readonly number[],
  from: number,
  to: number,
): (value: number) => number {
  const turn = scale === "log" ? Math.log10 : (value: number): number => value;
  const low = turn(ticks[0]!);
  const high = turn(ticks.at(-1)!);
  return (value) => from + ((turn(value) - low) / (high - low)) * (to - from);
}

function short(value: number): string {
  if (value >= 1e6) return `${round(value / 1e6)}M`;
  if (value >= 1e3) return `${round(value / 1e3)}k`;
  return String(round(value));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${ink}" stroke-opacity="0.25"/>`;
}

function label(x: number, y: number, text: string, anchor: string, more = ""): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
