// What the operator counts, for Prometheus. None of it is by cluster, so that it stays small, but for the last
// backup of each schedule, which is what alerts go by.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #seconds: Histogram;
  readonly #failures: Counter<"kind">;
  readonly #steps: Counter<"kind">;
  readonly #writes: Counter;
  readonly #backups: Counter<"result">;
  readonly #lastBackup: Gauge<"namespace" | "schedule">;

  constructor(version: string, leads: () => boolean) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#seconds = new Histogram({
      registers,
      name: "etcd_operator_turn_seconds",
      help: "How long one look at one cluster took.",
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    });
    this.#failures = new Counter({
      registers,
      name: "etcd_operator_turn_failures_total",
      help: "Turns that failed and are tried again; conflict: somebody else wrote the object.",
      labelNames: ["kind"],
    });
    this.#steps = new Counter({
      registers,
      name: "etcd_operator_steps_total",
      help: "Steps of the plan that were carried out.",
      labelNames: ["kind"],
    });
    this.#writes = new Counter({
      registers,
      name: "etcd_operator_writes_total",
      help: "Writes to the API server, but for the lease and events.",
    });
    this.#backups = new Counter({
      registers,
      name: "etcd_operator_backups_total",
      help: "Backups that are over: complete or failed.",
      labelNames: ["result"],
    });
    for (const result of ["complete", "failed"]) this.#backups.inc({ result }, 0);
    this.#lastBackup = new Gauge({
      registers,
      name: "etcd_operator_backup_last_success_timestamp_seconds",
      help: "When the last good backup of a schedule was done, or the schedule was made if there is none.",
      labelNames: ["namespace", "schedule"],
    });
    new Gauge({
      registers,
      name: "etcd_operator_leader",
      help: "1 where this process has the lease.",
      collect() {
        this.set(leads() ? 1 : 0);
      },
    });
    new Gauge({
      registers,
      name: "etcd_operator_info",
      help: "The version of this operator.",
      labelNames: ["version"],
    }).set({ version }, 1);
  }

  backedUp(result: "complete" | "failed"): void {
    this.#backups.inc({ result });
  }

  /** A schedule is there, whose last good backup was done at `ms`, or which was made then. */
  scheduled(namespace: string, schedule: string, ms: number): void {
    this.#lastBackup.set({ namespace, schedule }, ms / 1000);
  }

  forgetSchedule(namespace: string, schedule: string): void {
    this.#lastBackup.remove({ namespace, schedule });
  }

  /** Begins the time of a turn; call what it returns at its end. */
  turn(): () => void {
    return this.#seconds.startTimer();
  }

  acted(step: string, writes: number): void {
    if (step !== "wait") this.#steps.inc({ kind: step });
    this.#writes.inc(writes);
  }

  failed(kind: "conflict" | "error"): void {
    this.#failures.inc({ kind });
  }

  watchQueue(depth: () => number, followed: () => number): void {
    const registers = [this.registry];
    new Gauge({
      registers,
      name: "etcd_operator_queue_depth",
      help: "Clusters that wait to be looked at.",
      collect() {
        this.set(depth());
      },
    });
    new Gauge({
      registers,
      name: "etcd_operator_clusters",
      help: "Clusters that are followed.",
      collect() {
        this.set(followed());
      },
    });
  }
}
