// Sequences of steps from seeds: the same seed and length give the same steps on every machine.
import { seededRandom } from "#base/random.ts";
import { authSteps } from "./auth-steps.ts";
import { Draw } from "./draw.ts";
import { kvSteps } from "./kv-steps.ts";
import { otherSteps } from "./other-steps.ts";
import type { Sequence, Step } from "./step.ts";
import { watchSteps } from "./watch-steps.ts";

const makers = [...kvSteps, ...watchSteps, ...otherSteps, ...authSteps];
const total = makers.reduce((sum, [weight]) => sum + weight, 0);

/** The maker at `at` of the weights laid end to end. */
function makerAt(at: number): (typeof makers)[number][1] {
  let rest = at;
  for (const [weight, make] of makers) {
    if (rest < weight) return make;
    rest -= weight;
  }
  return makers[0]![1];
}

/** `length` steps, or a few more where the last ones belong together. */
export function sequenceOf(seed: number, length: number): Sequence {
  const random = seededRandom(seed);
  const draw = new Draw(random);
  const steps: Step[] = [];
  while (steps.length < length) {
    steps.push(...makerAt((random.uint32() / 2 ** 32) * total)(draw));
  }
  return { seed, steps };
}
