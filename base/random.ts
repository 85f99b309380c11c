// Seeded randomness (sfc32). The same seed gives the same numbers on every machine.

export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** An integer in [0, bound); `bound` is a positive integer of at most 2^32. */
  below(bound: number): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
}

/** A generator from a 32-bit seed. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0;
  let b = 0x243f6a88 | 0;
  let c = seed | 0;
  let counter = 1;
  const uint32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();
  return {
    uint32,
    below: (bound) => Math.floor((uint32() / 4294967296) * bound),
    chance: (p) => uint32() / 4294967296 < p,
  };
}
