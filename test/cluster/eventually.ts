// Waiting for what a cluster of processes comes to by itself, where nothing tells that it has.
const tries = 200;
const pauseMs = 100;

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}

/** Repeats `attempt` until it does not throw; what it throws last is the failure's cause. */
export async function eventually<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  let last: unknown;
  for (let i = 0; i < tries; i++) {
    try {
      return await attempt();
    } catch (error) {
      last = error;
      await pause();
    }
  }
  const reason = last instanceof Error ? last.message : String(last);
  throw new Error(`${what}: not in ${tries} tries: ${reason}`, { cause: last });
}
