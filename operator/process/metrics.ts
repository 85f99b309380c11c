// What the operator counts, for Prometheus. None of it is by cluster, so that it stays small.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #seconds: Histogram;
  readonly #failures: Counter<"kind">;
  readonly #steps: Counter<"kind">;
  readonly #writes: Counter;

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
