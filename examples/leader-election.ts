// One of many does the work, and another one takes over when it dies: candidates stand for election under
// a session. What the leader writes is compared with its leadership, so that one who was overtaken
// without knowing it changes nothing.
import { Election } from "#client/election.ts";
import type { Session } from "#client/session.ts";
import { PutRequest } from "#proto/gen/kv.ts";

/** What a leader is given. */
export interface Leadership {
  /** Aborted when the session ends, and leadership with it. */
  readonly lost: AbortSignal;
  /** Grows from leader to leader. */
  readonly term: number;
  /** Writes a key; false if somebody else leads by now, and nothing was written. */
  put(key: string, value: string): Promise<boolean>;
}

/** Waits until `id` leads, works, and resigns however the work ends. */
export async function whenElected<T>(
  session: Session,
  name: string,
  id: string,
  work: (leadership: Leadership) => Promise<T>,
): Promise<T> {
  const election = new Election(session, name);
  await election.campaign(id);
  const put = async (key: string, value: string): Promise<boolean> => {
    const written = PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value) });
    const success = [{ request: { $case: "requestPut" as const, value: written } }];
    const { kv } = session.client;
    return (await kv.txn({ compare: [election.leading()], success })).succeeded;
  };
  try {
    return await work({ lost: session.ended, term: election.term, put });
  } finally {
    if (!session.ended.aborted) await election.resign();
  }
}

/** Who leads, now and after every change. */
export async function* leaders(
  session: Session,
  name: string,
  until?: AbortSignal,
): AsyncGenerator<string> {
  for await (const { kvs } of new Election(session, name).observe(until)) {
    const [pair] = kvs;
    if (pair !== undefined) yield Buffer.from(pair.value).toString();
  }
}
