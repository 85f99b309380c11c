// What must hold of a local cluster after an operation, asked through a client of it.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import type { LocalRun } from "#test/operator/local-operator.ts";

export class LocalChecks {
  readonly client: EtcdClient;
  readonly #run: LocalRun;
  readonly #test: TestContext;
  #clusterId: bigint | undefined;
  #beganMs = systemClock.monotonicMs();

  constructor(run: LocalRun, test: TestContext) {
    this.#run = run;
    this.#test = test;
    this.client = new EtcdClient({
      endpoints: run.endpoints,
      clock: systemClock,
      random: seededRandom(1),
      callTimeoutMs: 10_000,
    });
  }

  /** Who the members are, that all vote, that the data is there, and that it is one cluster all along. */
  async holds(operation: string, want: readonly string[]): Promise<void> {
    const { members } = await this.client.cluster.list();
    assert.deepEqual(members.map((one) => one.name).sort(), want, operation);
    assert(
      members.every((one) => !one.isLearner),
      `${operation}: all vote`,
    );
    const records = this.#run.plan().members.map((one) => `${one.name} ${one.phase}`);
    assert.deepEqual(
      records,
      want.map((name) => `${name} voter`),
      operation,
    );
    const { header, kvs } = await this.client.kv.range("key");
    assert.equal(String(Buffer.from(kvs[0]?.value ?? "")), "value", operation);
    this.#clusterId ??= header?.clusterId;
    assert.equal(header?.clusterId, this.#clusterId, `${operation}: one cluster all along`);
    const nowMs = systemClock.monotonicMs();
    const took = Math.round(nowMs - this.#beganMs);
    this.#test.diagnostic(`${operation}: ${this.#run.kills} operators so far, ${took} ms`);
    this.#beganMs = nowMs;
  }

  close(): void {
    this.client.close();
  }
}
