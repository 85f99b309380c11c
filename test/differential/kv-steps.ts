// Steps of the KV service: ranges, streams of them, puts, deletes, transactions and compactions.
import type { Draw } from "./draw.ts";
import { b } from "./draw.ts";
import type { Request, Step } from "./step.ts";

/** A range with any of its options. */
export function range(draw: Draw): Request {
  const { random } = draw;
  const odd = random.chance(0.015);
  return {
    ...draw.interval(),
    limit: random.chance(0.5) ? 0 : random.below(5) - (random.chance(0.05) ? 3 : 0),
    revision: draw.revisionOrNone(0.4),
    sortOrder: odd ? draw.pick([3, 7, -1]) : draw.pick([0, 0, 1, 2]),
    sortTarget: random.chance(0.015) ? draw.pick([5, -1]) : draw.pick([0, 0, 1, 2, 3, 4]),
    serializable: random.chance(0.3),
    keysOnly: random.chance(0.2),
    countOnly: random.chance(0.1),
    minModRevision: random.chance(0.1) ? draw.revision() : 0,
    maxModRevision: random.chance(0.1) ? draw.revision() : 0,
    minCreateRevision: random.chance(0.1) ? draw.revision() : 0,
    maxCreateRevision: random.chance(0.1) ? draw.revision() : 0,
  };
}

function sortable(draw: Draw, request: Request): Request {
  // The order of ties is not defined, so neither is what a limit leaves of them.
  if (request["sortTarget"] === 0) return request;
  return draw.chance(0.3) ? { ...request, countOnly: true } : { ...request, limit: 0 };
}

function rangeStream(draw: Draw): Request {
  const request = range(draw);
  if (draw.chance(0.1)) return { ...request, sortTarget: 0 };
  // Few enough that the order of ties is defined (differences.ts: tiedOrder): where a chunk ends says
  // where the next one begins.
  if (draw.chance(0.06))
    return { ...request, key: b(draw.pick(["a", "ab", "b"])), rangeEnd: b("e") };
  return {
    ...request,
    sortOrder: 0,
    sortTarget: 0,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** A put with any of its options. */
export function put(draw: Draw): Request {
  const ignoreValue = draw.chance(0.1);
  const ignoreLease = draw.chance(0.1);
  return {
    key: draw.key(),
    value: ignoreValue && draw.chance(0.8) ? b("") : draw.value(),
    lease: (ignoreLease && draw.chance(0.8)) || draw.chance(0.6) ? 0n : draw.lease(),
    prevKv: draw.chance(0.3),
    ignoreValue,
    ignoreLease,
  };
}

function deleteRange(draw: Draw): Request {
  return { ...draw.interval(), prevKv: draw.chance(0.3) };
}

function compare(draw: Draw): Request {
  const targetUnion = draw.pick([
    { $case: "version", value: draw.below(4) },
    { $case: "createRevision", value: draw.chance(0.5) ? 0 : draw.revision() },
    { $case: "modRevision", value: draw.revision() },
    { $case: "value", value: draw.value() },
    { $case: "lease", value: draw.chance(0.4) ? 0n : draw.lease() },
  ]);
  const target = { version: 0, createRevision: 1, modRevision: 2, value: 3, lease: 4 };
  return {
    result: draw.chance(0.01) ? 9 : draw.pick([0, 1, 2, 3]),
    target: draw.chance(0.02)
      ? draw.pick([0, 1, 2, 3, 4, 8])
      : target[targetUnion.$case as "lease"],
    ...draw.interval(),
    ...(draw.chance(0.6) ? { rangeEnd: b("") } : {}),
    targetUnion: draw.chance(0.02) ? undefined : targetUnion,
  };
}

function op(draw: Draw, depth: number): Request {
  const kind = draw.below(depth < 3 ? 9 : 7);
  if (draw.chance(0.006)) return {};
  if (kind < 3) return { request: { $case: "requestPut", value: put(draw) } };
  if (kind < 5) return { request: { $case: "requestDeleteRange", value: deleteRange(draw) } };
  if (kind < 7) return { request: { $case: "requestRange", value: sortable(draw, range(draw)) } };
  return { request: { $case: "requestTxn", value: rawTxn(draw, depth + 1) } };
}

/**
 * Takes options from the puts of a transaction that deletes too: etcd stops for good when a put is to
 * keep what the transaction has deleted (differences.ts: keptThenDeleted).
 */
function withoutKept(txn: Request): Request {
  return hasDelete(txn) ? (strip(txn) as Request) : txn;
}

function hasDelete(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasDelete);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  if ((value as Request)["$case"] === "requestDeleteRange") return true;
  return Object.values(value).some(hasDelete);
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const kept = Object.entries(value).filter(
    ([name]) => name !== "ignoreValue" && name !== "ignoreLease",
  );
  return Object.fromEntries(kept.map(([name, one]) => [name, strip(one)]));
}

function rawTxn(draw: Draw, depth: number): Request {
  return {
    compare: draw.list(2, () => compare(draw)),
    success: draw.list(3, () => op(draw, depth)),
    failure: draw.list(2, () => op(draw, depth)),
  };
}

/** A transaction: of anything, of reads, of puts of different keys, or too long. */
export function txn(draw: Draw): Request {
  const kind = draw.below(20);
  if (kind === 0) {
    const many = Array.from({ length: 15 + draw.below(4) }, (_, i) => ({
      request: { $case: "requestPut", value: { key: b(`many${i}`), value: draw.value() } },
    }));
    return draw.chance(0.5) ? { success: many } : { failure: many };
  }
  if (kind < 5) {
    const reads = (): Request[] =>
      draw.list(3, () => ({
        request: { $case: "requestRange", value: sortable(draw, range(draw)) },
      }));
    return { compare: draw.list(2, () => compare(draw)), success: reads(), failure: reads() };
  }
  if (kind < 12) {
    // What is likely to be let through.
    const each = (keys: readonly string[]): Request[] =>
      keys.map((key) => {
        const value = draw.chance(0.7)
          ? { $case: "requestPut", value: { key: b(key), value: draw.value() } }
          : { $case: "requestDeleteRange", value: { key: b(key), prevKv: draw.chance(0.5) } };
        return { request: value };
      });
    const nested: Request = {
      request: {
        $case: "requestTxn",
        value: { compare: [compare(draw)], success: each(["e"]), failure: each(["g", "c"]) },
      },
    };
    return {
      compare: draw.list(2, () => compare(draw)),
      success: [...each(["a", "b"]), ...(draw.chance(0.4) ? [nested] : [])],
      failure: each(["a", "ab", "ba"].slice(draw.below(3))),
    };
  }
  return withoutKept(rawTxn(draw, 0));
}

/** Steps of this service and how often each is drawn. */
export const kvSteps: readonly (readonly [number, (draw: Draw) => readonly Step[]])[] = [
  [
    22,
    (draw) => {
      draw.writes++;
      return [{ do: "call", rpc: "KV/Put", request: put(draw) }];
    },
  ],
  [18, (draw) => [{ do: "call", rpc: "KV/Range", request: sortable(draw, range(draw)) }]],
  [6, (draw) => [{ do: "call", rpc: "KV/RangeStream", request: rangeStream(draw) }]],
  [6, (draw) => [{ do: "call", rpc: "KV/DeleteRange", request: deleteRange(draw) }]],
  [
    14,
    (draw) => {
      draw.writes++;
      return [{ do: "call", rpc: "KV/Txn", request: txn(draw) }];
    },
  ],
  [
    1.2,
    (draw) => [
      {
        do: "call",
        rpc: "KV/Compact",
        request: { revision: draw.revision(), physical: draw.chance(0.5) },
      },
    ],
  ],
  // Many keys, which a stream of ranges sends in several pieces.
  [
    0.12,
    (draw) => {
      const count = 12 + draw.below(30);
      draw.writes += count;
      const steps: Step[] = Array.from({ length: count }, (_, i) => ({
        do: "call",
        rpc: "KV/Put",
        request: { key: b(`piece${i}`), value: Buffer.alloc(draw.below(4000), "p") },
      }));
      const limit = draw.below(3) * 15;
      const request = draw.chance(0.7)
        ? { key: b("\0"), rangeEnd: b("\0"), limit }
        : // No two of these have one revision, so their order is defined.
          { key: b("piece"), rangeEnd: b("piecf"), limit, sortTarget: draw.pick([2, 3]) };
      return [
        ...steps,
        { do: "call", rpc: "KV/RangeStream", request },
        { do: "call", rpc: "KV/DeleteRange", request: { key: b("piece"), rangeEnd: b("piecf") } },
      ];
    },
  ],
];
