// Where long work tells how far it is, for somebody who waits for it.

export interface Progress {
  /** What is being done from now on, in a few words. */
  step(text: string): void;
  /** How much of this step is done, from 0 to 1. */
  advance(share: number): void;
}

/** Tells nobody. */
export const untold: Progress = { step() {}, advance() {} };

/** Adds up what is read of a file, step by step: each step reads it once. */
export function readingOf(progress: Progress): {
  step(text: string): void;
  onRead(bytes: number, of: number): void;
} {
  let read = 0;
  return {
    step(text) {
      read = 0;
      progress.step(text);
    },
    onRead(bytes, of) {
      read += bytes;
      progress.advance(Math.min(1, read / Math.max(1, of)));
    },
  };
}
