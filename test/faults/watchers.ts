// Watches under load, on the wire: each stream carries several, moves from member to member when one
// fails it or by chance, and goes on from the first revision that it has not been promised. What
// they see goes onto tapes for the judge.
import * as grpc from "@grpc/grpc-js";
import { utf8 } from "#base/bytes.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { Event } from "#proto/gen/mvcc.ts";
import {
  WatchCreateRequest,
  WatchDefinition,
  WatchRequest,
  WatchResponse,
} from "#proto/gen/watch.ts";
import type { Revisions } from "./agreement.ts";
import { openChannel } from "./caller.ts";
import { between, wait } from "./ground.ts";
import { expectationOf, judgeWatch, type WatchedRange, WatchTape } from "./watch-judge.ts";

interface WatchPlan {
  readonly name: string;
  readonly range: WatchedRange;
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
}

interface StreamPlan {
  readonly watches: readonly WatchPlan[];
  /** Stops reading now and then, so that the server must let it fall behind. */
  readonly slow?: boolean;
  /** Begins anew from the past now and then. */
  readonly lookBack?: boolean;
  /** Asks the server to end the stream when it has no leader. */
  readonly requireLeader?: boolean;
}

const everything: WatchedRange = { from: "", to: undefined };
const plans: readonly StreamPlan[] = [
  {
    watches: [
      { name: "all with previous pairs", range: everything, prevKv: true },
      { name: "some keys", range: { from: "k", to: "k9" } },
    ],
  },
  {
    watches: [
      { name: "all in fragments", range: everything, fragment: true },
      { name: "pairs", range: { from: "pair", to: "pais" } },
    ],
    requireLeader: true,
  },
  { watches: [{ name: "all, slowly", range: everything, prevKv: true }], slow: true },
  {
    watches: [{ name: "all from the past", range: everything }],
    lookBack: true,
  },
];

const askProgressEveryMs = 400;
const silenceLimitMs = 4_000;
const shortestLifeMs = 1_000;
const longestLifeMs = 7_000;
const lookBackRevisions = 2_000;
const path = `/${WatchDefinition.fullName}/${WatchDefinition.methods.watch.name}`;
/** Of an answer that concerns all watches of a stream. */
const allWatches = -1;

/** One watch that outlives its streams. */
class LastingWatch {
  readonly plan: WatchPlan;
  readonly tape = new WatchTape();
  /** The first revision not yet promised; 0 before the server told where the watch begins. */
  next = 0;
  created = false;
  events = 0;
  private fragments: Event[] = [];

  constructor(plan: WatchPlan) {
    this.plan = plan;
  }

  /** A request to go on where the last stream ended, or from `restart`. */
  open(watchId: number, restart: number | undefined): WatchRequest {
    this.fragments = [];
    this.created = false;
    if (restart !== undefined) {
      this.next = restart;
      this.tape.restart(restart);
    } else if (this.next > 0) this.tape.resume(this.next);
    const { range, prevKv = false, fragment = false } = this.plan;
    const all = range.from === "" && range.to === undefined;
    return WatchRequest.fromPartial({
      requestUnion: {
        $case: "createRequest",
        value: WatchCreateRequest.fromPartial({
          key: all ? new Uint8Array(1) : utf8(range.from),
          rangeEnd: range.to === undefined ? new Uint8Array(1) : utf8(range.to),
          startRevision: this.next,
          watchId,
          prevKv,
          fragment,
          // Asked for, progress is told of all watches of a stream together or not at all.
          progressNotify: true,
        }),
      },
    });
  }

  /** False if the watch cannot go on on this stream. */
  take(response: WatchResponse): boolean {
    const revision = response.header?.revision ?? 0;
    if (response.canceled) {
      if (response.compactRevision > 0) {
        this.tape.compacted(response.compactRevision);
        this.next = response.compactRevision;
      }
      return false;
    }
    if (response.created) {
      this.created = true;
      if (this.next === 0) {
        this.next = revision + 1;
        this.tape.restart(this.next);
      }
      return true;
    }
    if (!this.created) return true;
    if (response.events.length === 0) {
      this.tape.progress(revision);
      this.next = Math.max(this.next, revision + 1);
      return true;
    }
    this.events += response.events.length;
    this.fragments.push(...response.events);
    if (response.fragment) return true;
    const whole = this.fragments;
    this.fragments = [];
    this.tape.response(whole, revision);
    this.next = Math.max(this.next, whole.at(-1)!.kv!.modRevision + 1);
    return true;
  }
}

/** A stream that is made again and again, with the watches that it carries. */
class LastingStream {
  readonly watches: readonly LastingWatch[];
  private readonly plan: StreamPlan;
  private readonly endpoints: readonly string[];
  private readonly random: Random;
  private at: number;
  streams = 0;

  constructor(plan: StreamPlan, at: number, endpoints: readonly string[], random: Random) {
    this.plan = plan;
    this.watches = plan.watches.map((one) => new LastingWatch(one));
    this.at = at % endpoints.length;
    this.endpoints = endpoints;
    this.random = random;
  }

  async run(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      this.streams++;
      await this.once(stopped);
      this.at = (this.at + 1) % this.endpoints.length;
      await wait(between(this.random, 10, 200));
    }
  }

  /** One stream to one member, until it ends, is silent, or has lived long enough. */
  private async once(stopped: AbortSignal): Promise<void> {
    const { random, plan, watches } = this;
    const channel = openChannel(this.endpoints[this.at]!);
    const metadata = new grpc.Metadata();
    if (plan.requireLeader === true) metadata.set("hasleader", "true");
    const stream = channel.makeBidiStreamRequest(
      path,
      (message: WatchRequest) => Buffer.from(WatchRequest.encode(message).finish()),
      (bytes: Buffer) => WatchResponse.decode(bytes),
      metadata,
    );
    const timers: NodeJS.Timeout[] = [];
    let lastMs = performance.now();
    await new Promise<void>((resolve) => {
      const end = () => resolve();
      stopped.addEventListener("abort", end, { once: true });
      stream.on("error", end);
      stream.on("end", end);
      stream.on("data", (response: WatchResponse) => {
        lastMs = performance.now();
        const those =
          response.watchId === allWatches
            ? watches.filter((one) => one.created)
            : [watches[response.watchId - 1]];
        for (const one of those) if (one?.take(response) === false) end();
      });
      timers.push(
        setInterval(() => {
          if (performance.now() - lastMs > silenceLimitMs) end();
          else if (stream.writable) stream.write(askProgress);
        }, askProgressEveryMs),
        setTimeout(end, between(random, shortestLifeMs, longestLifeMs)),
      );
      if (plan.slow === true) {
        timers.push(
          setTimeout(
            () => {
              stream.pause();
              timers.push(setTimeout(() => stream.resume(), between(random, 200, 2000)));
            },
            between(random, 100, 2000),
          ),
        );
      }
      const lookBack = plan.lookBack === true && random.chance(0.6);
      watches.forEach((one, i) => {
        const restart = Math.max(1, one.next - random.below(lookBackRevisions));
        stream.write(one.open(i + 1, lookBack && one.next > 0 ? restart : undefined));
      });
      // While they catch up is when an answer would be too early.
      stream.write(askProgress);
    });
    for (const timer of timers) clearTimeout(timer);
    stream.on("error", () => {});
    stream.removeAllListeners("data");
    stream.cancel();
    channel.close();
  }
}

const askProgress = WatchRequest.fromPartial({
  requestUnion: { $case: "progressRequest", value: {} },
});

/** All watches of a run. */
export class Watchers {
  private readonly streams: readonly LastingStream[];
  private readonly ending = new AbortController();
  private readonly running: Promise<unknown>;

  constructor(endpoints: readonly string[], seed: number) {
    this.streams = plans.map(
      (plan, i) => new LastingStream(plan, i, endpoints, seededRandom(seed * 41 + i)),
    );
    this.running = Promise.all(this.streams.map((one) => one.run(this.ending.signal)));
  }

  private get watches(): LastingWatch[] {
    return this.streams.flatMap((one) => one.watches);
  }

  /** Events that all watches saw together. */
  get events(): number {
    return this.watches.reduce((sum, one) => sum + one.events, 0);
  }

  /** Streams that were opened. */
  get opened(): number {
    return this.streams.reduce((sum, one) => sum + one.streams, 0);
  }

  /** Waits until every watch has been promised all up to `revision`; names those that were not. */
  async settle(revision: number, limitMs: number): Promise<string[]> {
    const endMs = performance.now() + limitMs;
    const late = () => this.watches.filter((one) => one.next <= revision);
    while (late().length > 0 && performance.now() < endMs) await wait(50);
    return late().map(
      ({ plan, next }) => `the watch of ${plan.name} is still at ${next - 1} of ${revision}`,
    );
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** What is wrong with what they saw, as sentences. */
  judge(history: Revisions, newest: number, compactRevision: number): string[] {
    return this.watches.flatMap(({ plan, tape }) => {
      const fault = judgeWatch(tape, {
        expectation: expectationOf(history, plan.range),
        wantsPrevious: plan.prevKv === true,
        newest,
        compactRevision,
      });
      return fault === undefined ? [] : [`the watch of ${plan.name}: ${fault}`];
    });
  }
}
