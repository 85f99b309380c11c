// Waiting for what can be read, with a deadline that only a hang reaches.
import type { Look } from "./site.ts";

/** Nothing that is waited for takes so long. */
export const waitLimitMs = 300_000;
const lookMs = 500;

/** Repeats `look` until it answers true; what it answers else, or how to find it out, is why it failed. */
export async function until(
  what: string,
  look: Look,
  limitMs: number = waitLimitMs,
): Promise<void> {
  const began = Date.now();
  for (;;) {
    let now: true | string | (() => Promise<string>);
    try {
      now = await look();
    } catch (error) {
      now = String(error);
    }
    if (now === true) return;
    if (Date.now() - began > limitMs) {
      const reason = typeof now === "string" ? now : await now();
      throw new Error(`${what}: not in ${limitMs} ms: ${reason}`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
