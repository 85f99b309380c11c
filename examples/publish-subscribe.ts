// Publish and subscribe: a message is a value of the topic's key, and subscribers watch the key. Who was
// away gets what it missed, in order and each message once, as long as the history reaches back.
import type { EtcdClient } from "#client/client.ts";
import { isEtcdError } from "#proto/errors.ts";
import { Event_EventType } from "#proto/gen/mvcc.ts";

export interface Message {
  readonly text: string;
  /** Grows from message to message, in all topics. A subscriber keeps the last one it has dealt with. */
  readonly revision: number;
}

/** The history was compacted behind the subscriber's back: messages are lost to it. */
export class MessagesMissed extends Error {
  /** Where it can go on. */
  readonly oldest: number;

  constructor(oldest: number) {
    super(`messages before revision ${oldest} are gone`);
    this.oldest = oldest;
  }
}

const keyOf = (topic: string): string => `topics/${topic}`;

/** Resolves with the message's revision once a majority has it. */
export async function publish(client: EtcdClient, topic: string, text: string): Promise<number> {
  const { header } = await client.kv.put(keyOf(topic), text);
  return header?.revision ?? 0;
}

/** Messages from now on, or all that came after a revision; throws MessagesMissed. */
export async function* subscribe(
  client: EtcdClient,
  topic: string,
  after?: number,
): AsyncGenerator<Message> {
  const { header } = await client.kv.range(keyOf(topic));
  const startRevision = (after ?? header?.revision ?? 0) + 1;
  const watcher = client.watch.watch(keyOf(topic), { startRevision });
  for await (const { events, compactRevision } of watcher) {
    if (compactRevision > 0) throw new MessagesMissed(compactRevision);
    for (const { kv, type } of events) {
      if (type !== Event_EventType.PUT || kv === undefined) continue;
      yield { text: Buffer.from(kv.value).toString(), revision: kv.modRevision };
    }
  }
  const { error } = watcher;
  if (error !== undefined && !isEtcdError(error, "stopped")) throw error;
}
