// Follows one kind of object and says which cluster each change is about: list, watch from there, and again,
// at the latest when the server ends the watch, which it is asked to do every few minutes: a watch that died
// in silence costs no more than that. It keeps no objects: whoever is told reads them anew.
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import type { Kind, KubeObject } from "#operator/platform/kubernetes/kinds.ts";

const retryMs = 1000;
const maxRetryMs = 30_000;

export interface WatcherOptions<T extends KubeObject> {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly kind: Kind<T>;
  readonly namespace: string | undefined;
  readonly labels?: string;
  /** Called for each object of a list and each change. */
  onObject(object: T, isGone: boolean): void;
  /** Called after each list. */
  onListed?(objects: readonly T[]): void;
}

/** Runs until it is stopped. */
export async function watchKind<T extends KubeObject>(options: WatcherOptions<T>): Promise<void> {
  const { api, clock, log, stop, kind, namespace, labels, onObject, onListed } = options;
  const selector = { namespace, ...(labels === undefined ? {} : { labels }) };
  let failures = 0;
  while (!stop.aborted) {
    try {
      const { items, resourceVersion } = await api.list(kind, selector);
      for (const one of items) onObject(one, false);
      onListed?.(items);
      failures = 0;
      await api.watch(kind, selector, resourceVersion, onObject);
    } catch (error) {
      if (stop.aborted) return;
      failures++;
      const message = error instanceof Error ? error.message : String(error);
      log.warn({ kind: kind.kind, error: message }, "a watch ended");
      await pause(clock, Math.min(retryMs * 2 ** (failures - 1), maxRetryMs), stop);
    }
  }
}

function pause(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, done);
    function done() {
      timer.cancel();
      stop.removeEventListener("abort", done);
      resolve();
    }
    stop.addEventListener("abort", done);
  });
}
