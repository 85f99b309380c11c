// Many sequences over several pairs at once; a difference is shrunk and told with the command that
// replays it.

import { shown, valueAt } from "./comparison.ts";
import type { Coverage } from "./coverage.ts";
import { sequenceOf } from "./generator.ts";
import { type Difference, Pair, type TokenKind } from "./pair.ts";
import { type Step, stepText } from "./step.ts";

/** What is to be played. */
export interface Plan {
  readonly sequences: number;
  readonly steps: number;
  /** The seed of the first sequence; the others follow. */
  readonly seed: number;
  readonly lanes: number;
  /** Stop after as many differences. */
  readonly maxFindings: number;
  /** Environment of our members. */
  readonly env?: NodeJS.ProcessEnv;
  /** All sequences go through the gateway, not just some. */
  readonly isJsonOnly?: boolean;
  /** Milliseconds given to making a finding's steps fewer. */
  readonly shrinkMs: number;
}

/** A sequence that was answered differently. */
export interface Finding {
  readonly seed: number;
  /** What remains of it and still differs; the last step is the one that does. */
  readonly steps: readonly Step[];
  readonly difference: Difference;
  readonly logs?: Logs;
  readonly command: string;
}

/** Told of how far a run is. */
export interface Progress {
  played(done: number): void;
  found(finding: Finding): void;
  /** The reference ended itself twice in this sequence, so that it cannot be compared. */
  referenceEnded?(seed: number): void;
}

/**
 * What etcd 3.7.3 prints when it ends itself while it reads behind a compaction: once in some thousand
 * sequences, and not again when they are replayed.
 */
const referencesEnd = /"level":"fatal".*range failed to find revision pair/;

/** Every so many seeds, one is played through the gateway. */
const jsonEvery = 11;

/** A seed always has the same kind of tokens. */
function tokensOf(seed: number): TokenKind {
  return seed % 3 === 0 ? "jwt" : "simple";
}

/** How a sequence is played. */
interface Way {
  readonly tokens: TokenKind;
  readonly usesJson: boolean;
}

interface Outcome {
  /** How many steps were played, the one that differed included. */
  readonly played: number;
  readonly difference: Difference;
  /** Of a pair that could not go on. */
  readonly logs?: Logs;
}

/** What the members printed last. */
interface Logs {
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

/** Plays steps on a pair as it is; the first difference. */
async function playAll(pair: Pair, steps: readonly Step[]): Promise<Outcome | undefined> {
  for (const [i, step] of steps.entries()) {
    const difference = await pair.play(step);
    if (difference !== undefined) return { played: i + 1, difference };
  }
  const difference = await pair.end();
  return difference === undefined ? undefined : { played: steps.length, difference };
}

/** A pair that is made anew once its members are out of step. */
class Lane {
  private pair: Pair | undefined;
  private readonly env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Plays steps from an empty store. */
  async play(
    steps: readonly Step[],
    { tokens, usesJson }: Way,
    coverage?: Coverage,
  ): Promise<Outcome | undefined> {
    if (this.pair?.tokens !== tokens) await this.stop();
    this.pair ??= await Pair.start(tokens, this.env);
    this.pair.useJson(usesJson);
    this.pair.coverage = coverage;
    let outcome: Outcome | undefined;
    try {
      outcome = await playAll(this.pair, steps);
      this.pair.coverage = undefined;
      await this.pair.reset();
    } catch (error) {
      const what = error instanceof Error ? error.stack : String(error);
      const [ours = [], theirs = []] = this.pair.logs();
      outcome ??= { played: steps.length, difference: { at: "the run", ours: what, theirs: "" } };
      // A member may have ended, and its log says why.
      outcome = { ...outcome, logs: { ours, theirs } };
      await this.stop();
    }
    return outcome;
  }

  async stop(): Promise<void> {
    const { pair } = this;
    this.pair = undefined;
    await pair?.stop();
  }
}

function endedItself(outcome: Outcome | undefined): boolean {
  return outcome?.logs?.theirs.some((line) => referencesEnd.test(line)) ?? false;
}

/** Drops steps for as long as what remains still differs. */
async function shrink(
  lane: Lane,
  steps: readonly Step[],
  way: Way,
  first: Difference,
  limitMs: number,
): Promise<{ readonly steps: readonly Step[]; readonly difference: Difference }> {
  let best = { steps, difference: first };
  const end = performance.now() + limitMs;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = best.steps.length - 1 - size; at > -size; at -= size) {
      if (performance.now() > end) return best;
      const from = Math.max(0, at);
      const fewer = best.steps.filter((_, i) => i < from || i >= at + size);
      const outcome = await lane.play(fewer, way);
      if (outcome === undefined) continue;
      best = { steps: fewer.slice(0, outcome.played), difference: outcome.difference };
      at = Math.min(at, best.steps.length);
    }
  }
  return best;
}

/** Plays the plan; resolves with what differed. */
export async function playPlan(
  plan: Plan,
  coverage: Coverage,
  progress: Progress,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let done = 0;
  // A lane keeps to one kind of tokens as long as there are seeds of it: every third one does to signed ones.
  const all = Array.from({ length: plan.sequences }, (_, i) => plan.seed + i);
  const simple = all.filter((seed) => tokensOf(seed) === "simple");
  const signed = all.filter((seed) => tokensOf(seed) === "jwt");
  const run = async (_: unknown, at: number): Promise<void> => {
    const lane = new Lane(plan.env ?? {});
    try {
      while (findings.length < plan.maxFindings) {
        const [first, second] = at % 3 === 1 ? [signed, simple] : [simple, signed];
        const seed = first.shift() ?? second.shift();
        if (seed === undefined) return;
        const usesJson = plan.isJsonOnly === true || seed % jsonEvery === 5;
        const way = { tokens: tokensOf(seed), usesJson };
        const { steps } = sequenceOf(seed, plan.steps);
        let outcome = await lane.play(steps, way, coverage);
        if (endedItself(outcome)) outcome = await lane.play(steps, way, coverage);
        progress.played(++done);
        if (endedItself(outcome)) progress.referenceEnded?.(seed);
        if (outcome === undefined || endedItself(outcome)) continue;
        const { played, difference, logs } = outcome;
        const least = await shrink(lane, steps.slice(0, played), way, difference, plan.shrinkMs);
        const finding = {
          seed,
          ...least,
          ...(logs === undefined ? {} : { logs }),
          command: `npm run test:differential -- --seed ${seed} --sequences 1 --steps ${plan.steps}${plan.isJsonOnly === true ? " --json" : ""}`,
        };
        findings.push(finding);
        progress.found(finding);
      }
    } finally {
      await lane.stop();
    }
  };
  await Promise.all(Array.from({ length: Math.min(plan.lanes, plan.sequences) }, run));
  return findings;
}

/** Steps that a finding tells at most; there are more only of what could not be shrunk. */
const toldSteps = 15;

/** A finding for people: the command, the steps that remain, both answers. */
export function findingText({ seed, steps, difference, logs, command }: Finding): string {
  return [
    `seed ${seed} differs at ${difference.at}; replay: ${command}`,
    ...steps.slice(-toldSteps).map((step, i, all) => {
      return `  ${i === all.length - 1 ? ">" : " "} ${stepText(step)}`;
    }),
    `  ours:      ${shown(valueAt(difference.ours, difference.at))}`,
    `  reference: ${shown(valueAt(difference.theirs, difference.at))}`,
    `  ours, all:      ${shown(difference.ours)}`,
    `  reference, all: ${shown(difference.theirs)}`,
    ...(logs?.ours ?? []).map((line) => `  log of ours: ${line}`),
    ...(logs?.theirs ?? []).map((line) => `  log of the reference: ${line}`),
  ].join("\n");
}
