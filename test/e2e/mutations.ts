// Bytes for fuzzing: valid messages bent a little, fields at random, noise. All from one seed.
import { Buffer } from "node:buffer";
import { type Random, seededRandom } from "#base/random.ts";

export class Mutations {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]!;
  }

  noise(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.random.below(256)));
  }

  /** `bytes` with a few bytes changed, cut, put in or taken out. */
  bend(bytes: Uint8Array): Buffer {
    const { random } = this;
    let out: Buffer = Buffer.from(bytes);
    for (let left = 1 + random.below(4); left > 0; left--) {
      const at = random.below(out.length + 1);
      switch (random.below(4)) {
        case 0:
          if (at < out.length) out[at] = random.below(256);
          break;
        case 1:
          out = out.subarray(0, at);
          break;
        case 2:
          out = Buffer.concat([
            out.subarray(0, at),
            this.noise(1 + random.below(4)),
            out.subarray(at),
          ]);
          break;
        default:
          out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + random.below(4))]);
      }
    }
    return out;
  }

  /** Fields of any number and wire type, some nested, some with wrong lengths. */
  fields(depth: number): Buffer {
    const { random } = this;
    const parts: Buffer[] = [];
    for (let left = random.below(6); left > 0; left--) {
      const wireType = random.chance(0.8) ? this.pick([0, 2]) : random.below(8);
      parts.push(Buffer.of((random.below(16) << 3) | wireType));
      if (wireType === 0) {
        parts.push(Buffer.alloc(random.below(12), 0x80 | random.below(128)), this.noise(1));
      } else if (wireType === 2) {
        const inner = depth > 0 && random.chance(0.6) ? this.fields(depth - 1) : this.noise(9);
        const length = random.chance(0.9) ? inner.length : random.below(300);
        parts.push(Buffer.of((length & 127) | (length > 127 ? 128 : 0)));
        if (length > 127) parts.push(Buffer.of(length >> 7));
        parts.push(inner);
      } else parts.push(this.noise(random.below(9)));
    }
    return Buffer.concat(parts);
  }
}
