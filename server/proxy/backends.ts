// The members behind a TCP gateway: which of them a connection goes to. As RFC 2782 has it for SRV
// records: the best priority that is alive, by weight; members without weights take turns.
import type { Random } from "#base/random.ts";

export interface Backend {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** One backend and whether it took the last connection that was tried. */
export interface Tried {
  readonly backend: Backend;
  active: boolean;
}

/** Of a hundred connections, about one goes to backends of weight 0 where others have weights. */
const weightlessShare = 100;

export class Backends {
  readonly all: readonly Tried[];
  private readonly random: Random;
  private turn = 0;

  constructor(backends: readonly Backend[], random: Random) {
    this.all = backends.map((backend) => ({ backend, active: true }));
    this.random = random;
  }

  /** Where the next connection goes; undefined if all are set aside. */
  pick(): Tried | undefined {
    const alive = this.all.filter(({ active }) => active);
    const best = Math.min(...alive.map(({ backend }) => backend.priority));
    const candidates = alive.filter(({ backend }) => backend.priority === best);
    const weighted = candidates.filter(({ backend }) => backend.weight > 0);
    const weightless = candidates.filter(({ backend }) => backend.weight === 0);
    if (weighted.length === 0) return this.inTurn(weightless);
    if (weightless.length > 0 && this.random.below(weightlessShare) === 0) {
      return this.inTurn(weightless);
    }
    let left = this.random.below(weighted.reduce((sum, { backend }) => sum + backend.weight, 0));
    return weighted.find(({ backend }) => {
      left -= backend.weight;
      return left < 0;
    });
  }

  private inTurn(some: readonly Tried[]): Tried | undefined {
    return some[this.turn++ % some.length];
  }
}
