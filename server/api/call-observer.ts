// Looks at the calls of every method from outside: for --metrics=extensive and for traces. Where
// nobody looks, methods are registered as they are and nothing is paid.
import type { Clock } from "#base/clock.ts";
import { DurationCounts } from "#base/duration-counts.ts";
import type { Method, Responder } from "#server/rpc/service-registry.ts";

/**
 * Told of each call as it begins, with its request where there is one; the handler gets the responder
 * that it returns. The request must not be kept beyond the call's end.
 */
export type CallObserver = (
  method: Method,
  responder: Responder,
  request?: Uint8Array,
) => Responder;

/** The method, whose calls are shown to `observe` before its handler has them. */
export function observed(method: Method, observe: CallObserver): Method {
  if (method.requestStream) {
    return {
      path: method.path,
      requestStream: true,
      responseStream: method.responseStream,
      open(responder) {
        return method.open(observe(method, responder));
      },
    };
  }
  return {
    path: method.path,
    requestStream: false,
    responseStream: method.responseStream,
    handle(request, responder) {
      method.handle(request, observe(method, responder, request));
    },
  };
}

/** Prometheus' default buckets. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long the calls of each method took, by its path. */
export class HandlingTimes {
  readonly byPath = new Map<string, DurationCounts>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  readonly observe: CallObserver = (method, responder) => {
    let durations = this.byPath.get(method.path);
    if (durations === undefined) {
      durations = new DurationCounts(bounds);
      this.byPath.set(method.path, durations);
    }
    const counted = durations;
    const startMs = this.clock.monotonicMs();
    responder.onEnded(() => counted.observe((this.clock.monotonicMs() - startMs) / 1000));
    return responder;
  };
}
