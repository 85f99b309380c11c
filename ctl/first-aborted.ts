// Waiting for whichever comes first: the user's interrupt, or the end of a session.

/** The one of the two that is aborted first. */
export function firstAborted(one: AbortSignal, other: AbortSignal): Promise<AbortSignal> {
  if (one.aborted) return Promise.resolve(one);
  if (other.aborted) return Promise.resolve(other);
  return new Promise((resolve) => {
    for (const each of [one, other]) {
      each.addEventListener("abort", () => resolve(each), { once: true });
    }
  });
}
