// What many senders have begun and not ended, counted together: each of them has a bound of its own, and
// there may be as many senders as there are connections.
import { OperatingError } from "#base/errors.ts";

/** Bytes of messages and bodies that are held until they are whole. */
export class UnfinishedBytes {
  readonly max: number;
  held = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Why nothing more can be held, or undefined. */
  get fault(): string | undefined {
    if (this.held <= this.max) return undefined;
    return `etcd-ts: more than ${this.max} bytes of unfinished messages are held here; try again later`;
  }
}

/** Thrown where one more piece would be held and cannot be. */
export class TooManyUnfinished extends OperatingError {
  constructor(message: string) {
    super("TOO_MANY_UNFINISHED", message);
  }
}
