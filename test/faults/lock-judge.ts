// The lock by the history of the store: at every revision at most one holder, everybody who was told
// so was one, and what only a holder may write was written by the holder of that revision. Pure.
import { Event_EventType as EventType } from "#proto/gen/mvcc.ts";
import type { Revisions } from "./agreement.ts";
import { type Acquisition, fencedKey, lockKey } from "./lease-load.ts";

const decoder = new TextDecoder();

/** The first fault, as a sentence. */
export function judgeLock(
  history: Revisions,
  acquisitions: readonly Acquisition[],
): string | undefined {
  /** Who got the lock, by revision. */
  const holders = new Map<number, string>();
  let since = 0;
  for (const [i, events] of history.entries()) {
    const revision = i + 2;
    for (const { type, kv } of events) {
      const key = decoder.decode(kv!.key);
      if (key === lockKey) {
        if (type === EventType.DELETE) since = 0;
        else if (since !== 0) return `at revision ${revision} the lock of ${since} was given again`;
        else {
          since = revision;
          holders.set(revision, decoder.decode(kv!.value));
        }
      }
      if (key === fencedKey) {
        const value = decoder.decode(kv!.value);
        const by = `${holders.get(since)}@${since}`;
        if (value !== by) {
          return `at revision ${revision} ${value} wrote what only ${by} may`;
        }
      }
    }
  }
  for (const { token, revision } of acquisitions) {
    if (holders.get(revision) !== token) {
      return `${token} was given the lock at revision ${revision}, where history has ${holders.get(revision)}`;
    }
  }
  return undefined;
}
