// What a sequence consists of. A step is plain data that a seed makes; it names IDs and revisions that
// only a run knows by stand-ins (mapping.ts), so that the same steps can be played again, in part too.
import type { Bytes } from "./wire-codec.ts";

/** A request as the generated codecs take it, in part. */
export type Request = Readonly<Record<string, unknown>>;

/** One thing done to both members. */
export type Step =
  /** A call with one request, read to its end. */
  | {
      readonly do: "call";
      readonly rpc: string;
      readonly request: Request;
      readonly metadata?: Readonly<Record<string, string>>;
      /** Field `leader` comes from what the campaign of this name was answered. */
      readonly leaderOf?: string;
      /** The name under which the answer of a campaign is kept. */
      readonly keepAs?: string;
      /** The number of the stand-in that an ID chosen by the member gets. */
      readonly alias?: number;
      /** Bytes behind the encoded request: fields that nobody knows. */
      readonly trailing?: Bytes;
      /** As a user, with the token that this name was given. */
      readonly as?: string;
    }
  /** A call of bytes that may be no message. */
  | { readonly do: "bytes"; readonly path: string; readonly body: Bytes }
  /** Keep-alives of these leases on one stream, an answer for each. */
  | { readonly do: "keepAlive"; readonly ids: readonly bigint[]; readonly as?: string }
  /** A stream of watches. On a strict one, how events come in responses is compared too. */
  | {
      readonly do: "watchOpen";
      readonly stream: number;
      readonly strict: boolean;
      readonly as?: string;
    }
  | { readonly do: "watchCreate"; readonly stream: number; readonly request: Request }
  | { readonly do: "watchCancel"; readonly stream: number; readonly id: number }
  | { readonly do: "watchProgress"; readonly stream: number }
  /** Waits until a watch that asked for it has been told of progress by itself. */
  | { readonly do: "watchNotify"; readonly stream: number }
  | { readonly do: "watchBytes"; readonly stream: number; readonly body: Bytes }
  | { readonly do: "watchClose"; readonly stream: number }
  /** Waits until every watch has been sent all there is, and compares. */
  | { readonly do: "settle" }
  /** A call that may have to wait: goes on as soon as it waits. */
  | {
      readonly do: "begin";
      readonly name: string;
      readonly rpc: string;
      readonly request: Request;
      readonly alias?: number;
      readonly keepAs?: string;
      readonly as?: string;
    }
  /** The answer of a begun call. */
  | { readonly do: "finish"; readonly name: string }
  /** The client gives up a begun call. */
  | { readonly do: "abort"; readonly name: string }
  /** Leases of the shortest life with keys; waits until they have ended by themselves. */
  | { readonly do: "expire"; readonly ids: readonly bigint[]; readonly keys: readonly Bytes[] };

/** One seed's steps. */
export interface Sequence {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** A value as it is told: bytes as text, and nothing of what was not given. */
function told(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.length > 60 ? `${value.length} bytes` : Buffer.from(value).toString("latin1");
  }
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return value.map(told);
  if (typeof value !== "object" || value === null) return value;
  const given = Object.entries(value).filter(
    ([, one]) => one !== 0 && one !== 0n && one !== false && !isEmpty(one),
  );
  return Object.fromEntries(given.map(([name, one]) => [name, told(one)]));
}

function isEmpty(value: unknown): boolean {
  return (value instanceof Uint8Array || Array.isArray(value)) && value.length === 0;
}

/** A step on one line. */
export function stepText(step: Step): string {
  const { do: what, ...rest } = step;
  const line = JSON.stringify(told(rest));
  return `${what} ${line.length > 1500 ? `${line.slice(0, 1500)}… (${line.length})` : line}`;
}
