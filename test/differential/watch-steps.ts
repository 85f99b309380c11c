// Steps of the Watch service. Watches that read history and watches of the future stand on streams of
// their own: the end of catching up can be asked for on the former only.
import { b, type Draw } from "./draw.ts";
import { revisionAt } from "./mapping.ts";
import type { Step } from "./step.ts";

type Kind = "strict" | "loose" | "future";
const kinds: readonly Kind[] = ["strict", "loose", "future"];
const streams = 4;

function kindOf(stream: number): Kind {
  return kinds[stream % kinds.length]!;
}

/** A watch with any of its options, of what its stream is for. */
export function createOf(draw: Draw, stream: number, interval = draw.interval()): Step {
  const { random } = draw;
  const kind = kindOf(stream);
  let startRevision = 0;
  if (kind === "future" && random.chance(0.6))
    startRevision = revisionAt(draw.writes + draw.below(8));
  if (kind !== "future" && random.chance(0.5)) {
    startRevision = random.chance(0.03) ? -1 : revisionAt(draw.below(draw.writes + 1));
  }
  return {
    do: "watchCreate",
    stream,
    request: {
      ...interval,
      startRevision,
      progressNotify: random.chance(0.2),
      filters: random.chance(0.3) ? draw.list(2, () => draw.pick([0, 1])) : [],
      prevKv: random.chance(0.4),
      watchId: random.chance(0.4) ? draw.below(5) : 0,
      fragment: random.chance(0.25),
    },
  };
}

/** Steps of this service and how often each is drawn. */
export const watchSteps: readonly (readonly [number, (draw: Draw) => readonly Step[]])[] = [
  [
    1.2,
    (draw) => {
      const stream = draw.below(streams);
      const strict = kindOf(stream) !== "loose";
      return [{ do: "watchOpen", stream, strict }, createOf(draw, stream), createOf(draw, stream)];
    },
  ],
  [4, (draw) => [createOf(draw, draw.below(streams))]],
  [1.5, (draw) => [{ do: "watchCancel", stream: draw.below(streams), id: draw.below(6) }]],
  [0.8, (draw) => [{ do: "watchProgress", stream: draw.below(streams) }]],
  [0.1, (draw) => [{ do: "watchNotify", stream: draw.below(streams) }]],
  [2, () => [{ do: "settle" }]],
  [0.2, (draw) => [{ do: "watchClose", stream: draw.below(streams) }]],
  [
    0.05,
    (draw) => [
      // It may end the stream: what is still on its way then is told, or not.
      { do: "settle" },
      {
        do: "watchBytes",
        stream: draw.below(streams),
        body: draw.pick([b("\x0a\x05"), b(""), b("\x22\x00"), b("\xa2\x06\x01x")]),
      },
    ],
  ],
  // A history that is long, and a revision that is sent in pieces.
  [
    0.08,
    (draw) => {
      const puts: Step[] = Array.from({ length: 11 }, (_, i) => ({
        do: "call",
        rpc: "KV/Put",
        request: {
          key: b(`large${i}`),
          value: Buffer.alloc(57_000 + i * 100 + draw.below(100), "l"),
        },
      }));
      const all = { key: b("large"), rangeEnd: b("largf") };
      const startRevision = draw.chance(0.5) ? revisionAt(draw.writes) : 0;
      draw.writes += puts.length + 1;
      const fragment = draw.chance(0.8);
      return [
        ...puts,
        { do: "watchOpen", stream: 0, strict: true },
        {
          do: "watchCreate",
          stream: 0,
          request: { ...all, startRevision, fragment, prevKv: true },
        },
        { do: "call", rpc: "KV/DeleteRange", request: { ...all, prevKv: draw.chance(0.3) } },
        { do: "settle" },
      ];
    },
  ],
];
