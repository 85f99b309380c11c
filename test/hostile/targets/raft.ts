// Raft messages within one process: frames of both kinds of streams, however they are cut, and one
// raft node in every role that takes whatever server/node/message-check.ts lets through.
import { Buffer } from "node:buffer";
import type { MemberId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import { type Entry, EntryType, Message, MessageType } from "#proto/gen/raft.ts";
import { BinaryWriter, WireError } from "#proto/wire.ts";
import { encodeCommand } from "#server/apply/command.ts";
import { messageFault } from "#server/node/message-check.ts";
import {
  AppendDecoder,
  AppendEncoder,
  FrameError,
  MessageDecoder,
  readSnapshotEnvelope,
  writeMessageFrame,
} from "#server/peer/framing.ts";
import { Single } from "#server/raft/testing/single.ts";
import { bend, MessageGenerator, pick, someNumber } from "../generate.ts";
import { Finding, type Tally, type Target } from "../target.ts";
import { type FieldShape, readWireSchema } from "../wire-schema.ts";

/** Numbers that fit a small log mostly. */
function special(field: FieldShape, random: Random): bigint | undefined {
  if (random.chance(0.05)) return undefined;
  switch (field.name) {
    case "to":
      return 1n;
    case "from":
      return BigInt(1 + random.below(5));
    case "term":
    case "logTerm":
      return BigInt(random.below(9));
    case "index":
    case "commit":
    case "rejectHint":
      return BigInt(random.below(16));
    case "voters":
    case "learners":
    case "voters_outgoing":
    case "learners_next":
      return BigInt(1 + random.below(6));
    default:
      return undefined;
  }
}

const wire = readWireSchema();
// Answers within a message belong to raft's own threads of storage: nobody sends them.
const messages = new Map(wire.messages);
messages.set(
  "Message",
  messages.get("Message")!.filter(({ name }) => name !== "responses"),
);
const generator = new MessageGenerator({ ...wire, messages }, special);
const header = { id: 5n, username: "", authRevision: 0 };
const command = encodeCommand("leaseRevoke", { ID: 7n }, header);

/** Entries that go on from an index and a term. */
export function someEntries(random: Random, index: number, term: number): Entry[] {
  let now = term;
  return Array.from({ length: random.below(4) }, (_, i) => {
    if (random.chance(0.2)) now++;
    const data = random.chance(0.7) ? command : new Uint8Array(0);
    return { type: EntryType.EntryNormal, index: index + 1 + i, term: now, data };
  });
}

/** A message of any type; appends and proposals such as leaders and followers make, mostly. */
export function someMessage(random: Random): Message {
  const { MsgApp, MsgProp, MsgSnap, MsgForgetLeader } = MessageType;
  for (;;) {
    let message: Message;
    try {
      message = Message.decode(generator.message("Message", random));
    } catch (error) {
      if (error instanceof WireError) continue;
      throw error;
    }
    message.type = random.below(MsgForgetLeader + 2) as MessageType;
    if (random.chance(0.3)) message.type = pick(random, [MsgApp, MsgApp, MsgProp, MsgSnap]);
    if (random.chance(0.9)) message.to = 1n;
    if (random.chance(0.9)) message.from = BigInt(2 + random.below(4));
    if (random.chance(0.9)) {
      const entries = someEntries(random, message.index, message.logTerm);
      message.entries = entries;
      message.term = Math.max(message.term, entries.at(-1)?.term ?? message.logTerm);
    }
    return message;
  }
}

/** What the clock, a client or the transport does. */
function localEvent(single: Single, random: Random): void {
  const { node } = single;
  const peer = 2n as MemberId;
  switch (random.below(8)) {
    case 0:
      single.propose("x");
      return;
    case 1:
      node.readIndex(Buffer.of(1));
      return;
    case 2:
      node.reportUnreachable(peer);
      return;
    case 3:
      node.reportSnapshot(peer, "failure");
      return;
    case 4:
      node.transferLeader(peer);
      return;
    default:
      node.tick();
  }
}

function playRaft(random: Random, tally: Tally): void {
  const learners = random.chance(0.3) ? [4n as MemberId] : [];
  const voters = random.chance(0.2) ? [1n] : [1n, 2n, 3n];
  const single = new Single({
    voters: voters as MemberId[],
    learners,
    terms: Array.from({ length: random.below(8) }, (_, i) => 1 + (i >> 1)),
    checkQuorum: random.chance(0.5),
    preVote: random.chance(0.5),
    random,
  });
  const { node } = single;
  single.settle();
  if (random.chance(0.4)) single.lead();
  for (let left = 5 + random.below(60); left > 0; left--) {
    const before = node.status();
    if (random.chance(0.5)) localEvent(single, random);
    else {
      const message = someMessage(random);
      // A later term would depose a leader at once.
      if (before.role !== "follower" && random.chance(0.8)) message.term = before.term;
      if (messageFault(message, 1n as MemberId) !== undefined) tally.add("refused");
      else {
        tally.add("served");
        tally.add(`${before.role} ${message.type}`);
        node.step(message);
      }
    }
    if (random.chance(0.5)) single.settle();
    const after = node.status();
    if (after.term < before.term) throw new Finding("the term goes back");
    if (after.commit < before.commit) throw new Finding("the commit index goes back");
  }
  single.settle();
}

type Decoder = (out: (message: Message) => void) => { push(chunk: Buffer): void };

const decoders: readonly Decoder[] = [
  (out) => new MessageDecoder(out),
  (out) => new AppendDecoder(1n as MemberId, 2n as MemberId, out),
];

/** What a stream holds, and how it ends. */
function decodeAll(make: Decoder, chunks: readonly Buffer[]): readonly string[] {
  const out: string[] = [];
  const decoder = make((message) => {
    out.push(Buffer.from(Message.encode(message).finish()).toString("hex"));
  });
  try {
    for (const chunk of chunks) decoder.push(Buffer.from(chunk));
  } catch (error) {
    if (!(error instanceof FrameError || error instanceof WireError)) throw error;
    out.push(`refused: ${error.message}`);
  }
  return out;
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(random.chance(0.5) ? 4 : 200);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

async function playFrames(random: Random, tally: Tally): Promise<void> {
  const kind = random.below(2);
  const writer = new BinaryWriter();
  const encoder = new AppendEncoder();
  let index = random.below(10);
  for (let left = 1 + random.below(6); left > 0; left--) {
    const message = someMessage(random);
    if (kind === 0) writeMessageFrame(writer, message);
    else if (random.chance(0.1)) encoder.heartbeat(writer);
    else {
      const entries = someEntries(random, index, 3);
      encoder.write(writer, { ...message, term: 3, logTerm: 3, index, entries });
      index += entries.length;
    }
  }
  let bytes: Buffer = Buffer.from(writer.finish());
  if (random.chance(0.6)) bytes = bend(bytes, random);
  if (random.chance(0.05)) {
    // A length that is a lie.
    const head = Buffer.alloc(9);
    head.writeBigUInt64BE(BigInt.asUintN(64, someNumber(random)), kind);
    head[0] = kind;
    bytes = Buffer.concat([bytes, head]);
  }
  const whole = decodeAll(decoders[kind]!, [bytes]);
  const parts = decodeAll(decoders[kind]!, cut(bytes, random));
  const refused = whole.at(-1)?.startsWith("refused") === true;
  tally.add(refused ? "refused" : "served");
  // A decoder that waits for the rest of a frame may not have looked at what is wrong in it.
  const waits = refused && !parts.at(-1)?.startsWith("refused");
  const wanted = waits ? whole.slice(0, -1) : whole;
  if (wanted.join() !== parts.join())
    throw new Finding(
      `a stream of kind ${kind} reads otherwise in parts: ${bytes.toString("hex")}`,
    );
  await playEnvelope(bytes, random, tally);
}

async function playEnvelope(bytes: Buffer, random: Random, tally: Tally): Promise<void> {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield* cut(bytes, random);
  }
  try {
    const { body } = await readSnapshotEnvelope(chunks());
    for await (const _ of body);
    tally.add("served");
  } catch (error) {
    if (!(error instanceof FrameError || error instanceof WireError)) throw error;
    tally.add("refused");
  }
}

export const raftTarget: Target = {
  name: "raft",
  about: "raft messages and frames of streams, in one process",
  rounds: 120,
  open: async () => ({
    play: (random: Random, tally: Tally) =>
      random.chance(0.5) ? playRaft(random, tally) : playFrames(random, tally),
    [Symbol.asyncDispose]: async () => {},
  }),
};
