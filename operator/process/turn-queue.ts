// What both controllers are given, and the queue of their turns: a turn that fails is logged, counted, and tried
// again after a pause that grows.
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { type ApiClient, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import type { StoreDefaults } from "#operator/platform/kubernetes/template.ts";
import type { OperatorMetrics } from "#operator/process/metrics.ts";
import { WorkQueue, type WorkQueueOptions } from "#operator/process/work-queue.ts";
import type { Failpoint } from "#operator/reconcile.ts";

export interface ControllerOptions {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly stop: AbortSignal;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly workers: number;
  readonly defaults: StoreDefaults;
  readonly metrics: OperatorMetrics;
  readonly failpoint: Failpoint;
}

/** `subject` names in the log what a key is of. */
export function turnQueue(
  { clock, workers, log, metrics }: ControllerOptions,
  subject: string,
  work: WorkQueueOptions["work"],
): WorkQueue {
  return new WorkQueue({
    clock,
    workers,
    work,
    onFailure: (key, error, pauseMs) => {
      metrics.failed(isConflict(error) ? "conflict" : "error");
      log.warn({ [subject]: key, error: errorText(error), pauseMs }, "a turn failed");
    },
  });
}
