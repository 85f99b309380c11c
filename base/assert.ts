// Invariants. A broken one is a bug, never an operating condition: it stops the process.

/** Thrown by a broken invariant; nothing but the top of the process may catch it. */
export class InvariantError extends Error {
  readonly code = "INVARIANT";
}

/** Throws InvariantError with `message` unless `condition` holds. Always on; keep it cheap. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the default branch of a switch over a union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
