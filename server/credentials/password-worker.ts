// Passwords hashed on a thread of its own, which is started when first needed: a hash takes about a
// tenth of a second, and neither the event loop nor the threads that sync the log may wait for it. At
// most 256 jobs wait; whoever comes then is told to come again.
import { Worker } from "node:worker_threads";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import { isTooLong } from "./bcrypt.ts";
import type { HashingAnswer, HashingJob } from "./hashing-thread.ts";

const maxWaiting = 256;

interface Waiting {
  resolve(result: string | boolean): void;
  reject(error: unknown): void;
}

type Job =
  | Omit<Extract<HashingJob, { cost: number }>, "id">
  | Omit<Extract<HashingJob, { hash: string }>, "id">;

export class PasswordWorker {
  readonly #cost: number;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  /** `cost` as bcrypt counts: each step doubles the time. */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** Rejects with EtcdError: the password is too long, or too many wait. */
  async hash(password: string): Promise<string> {
    if (isTooLong(password)) {
      throw new EtcdError(grpcCode.unknown, "bcrypt: password length exceeds 72 bytes");
    }
    return (await this.#ask({ password, cost: this.#cost })) as string;
  }

  /** Rejects with EtcdError if too many wait. */
  async matches(password: string, hash: string): Promise<boolean> {
    return (await this.#ask({ password, hash })) as boolean;
  }

  /** Ends the thread; whoever waits is told that the server stopped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(() => etcdError("stopped"));
    await this.#worker?.terminate();
  }

  #ask(job: Job): Promise<string | boolean> {
    if (this.#closed) return Promise.reject(etcdError("stopped"));
    if (this.#waiting.size >= maxWaiting) return Promise.reject(etcdError("tooManyRequests"));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#start().postMessage({ ...job, id });
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./hashing-thread.ts", import.meta.url));
    worker.unref();
    worker.on("message", ({ id, result }: HashingAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.resolve(result);
    });
    // The next one who asks starts another.
    worker.on("error", (error) => {
      this.#worker = undefined;
      this.#rejectAll(() => error);
    });
    this.#worker = worker;
    return worker;
  }

  #rejectAll(error: () => unknown): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of all) one.reject(error());
  }
}
