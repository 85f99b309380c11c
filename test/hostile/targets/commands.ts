// Replicated commands as a leader of a mixed cluster could send them: right, odd and bent ones, and
// changes of membership, applied by two members. One answers its clients; the other does not, and
// starts anew from its records now and then. Both must come to the same, or stop at the same entry with
// the same words.
import { Buffer } from "node:buffer";
import { InvariantError } from "#base/assert.ts";
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { ConfChange, type Entry, EntryType } from "#proto/gen/raft.ts";
import { WireError } from "#proto/wire.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { MemberJsonError } from "#server/membership/member-json.ts";
import { bend, MessageGenerator, pick } from "../generate.ts";
import { Replayer, toHex } from "../replayer.ts";
import { Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { type FieldShape, readWireSchema } from "../wire-schema.ts";

const schema = readWireSchema();
const commandFields = schema.messages.get("InternalRaftRequest")!;
const payloadFields = commandFields.filter(({ name }) => name !== "header" && name !== "ID");

const keys = ["a", "b", "c", "k", "\0", "key", "key/1", "\u007f"];
const names = ["root", "u", "v", "", "__proto__"];

/** Names that meet what other commands made. */
function special(field: FieldShape, random: Random): string | bigint | undefined {
  if (random.chance(0.1)) return undefined;
  switch (field.name) {
    case "ID":
    case "lease":
      return BigInt(random.below(6));
    case "key":
    case "range_end":
      return pick(random, keys);
    case "revision":
    case "mod_revision":
    case "create_revision":
    case "version":
      return BigInt(random.below(40));
    case "name":
    case "user":
    case "role":
    case "username":
      return pick(random, names);
    case "auth_revision":
      return BigInt(random.below(12));
    case "memberID":
      return BigInt(random.below(4));
    case "ver":
      return pick(random, ["3.5.0", "3.6.0", "3.7.0"]);
    default:
      return undefined;
  }
}

const generator = new MessageGenerator(schema, special);

/** One command: a payload, sometimes two, with a header. */
export function commandBytes(random: Random): Buffer {
  const fields = [pick(random, payloadFields)];
  if (random.chance(0.03)) fields.push(pick(random, payloadFields));
  const header = commandFields.find(({ name }) => name === "header")!;
  // Enabling authentication refuses nearly all that follows: seldom.
  if (fields[0]!.name === "auth_enable" && random.chance(0.8)) fields[0] = commandFields[3]!;
  return generator.only(random.chance(0.95) ? [header, ...fields] : fields, random);
}

function memberText(random: Random): string {
  const id = random.below(4);
  const urls = JSON.stringify([`http://h:${random.below(5)}`]);
  const rest = random.chance(0.3) ? ',"isLearner":true' : "";
  const promote = random.chance(0.2) ? ',"isPromote":true' : "";
  return `{"id":${id},"peerURLs":${urls}${rest}${promote}}`;
}

/** Ways to stop that say why. Everything else is a mistake of ours. */
function isClear(error: unknown): boolean {
  return (
    error instanceof OperatingError ||
    error instanceof WireError ||
    error instanceof MemberJsonError ||
    error instanceof InvariantError
  );
}

class CommandRounds implements Rounds {
  async play(random: Random, tally: Tally): Promise<void> {
    const leader = await Replayer.open(new MemoryBackend(), true);
    let backend = new MemoryBackend();
    let follower = await Replayer.open(backend, false);
    const restart = async (): Promise<void> => {
      backend = backend.reopen();
      follower = await Replayer.open(backend, false);
    };
    let index = 0;
    for (let left = 10 + random.below(60); left > 0; left--) {
      const entry = this.entry(++index, random, tally);
      const id = idOf(entry);
      const [one, other] = [await leader.apply(entry, id), await follower.apply(entry, id)];
      const shown = `entry ${toHex(entry.data)} of type ${entry.type}`;
      if ("stops" in one || "stops" in other) {
        const [a, b] = [errorText(one.stops), errorText(other.stops)];
        if (a !== b) throw new Finding(`${shown}: one member says ${a}, the other ${b}`);
        if (!isClear(one.stops)) throw new Finding(`${shown} stops a member`, { cause: one.stops });
        tally.add("stopped");
        tally.add(`stopped: ${a.replaceAll(/\d+/g, "N").slice(0, 60)}`);
        return;
      }
      tally.add(one.told === "served" ? "served" : "refused");
      if (random.chance(0.1)) await Promise.all([leader.compact(), follower.compact()]);
      if (random.chance(0.05)) {
        await restart();
        tally.add("restarted");
      }
      if (random.chance(0.1)) await this.compare(leader, follower, shown);
    }
    await leader.compact();
    await follower.compact();
    await restart();
    await this.compare(leader, follower, "the last entry");
  }

  private entry(index: number, random: Random, tally: Tally): Entry {
    const { EntryConfChange, EntryNormal } = EntryType;
    const term = 1 + Math.floor(index / 10);
    if (random.chance(0.05)) {
      const change: ConfChange = {
        id: BigInt(index),
        type: random.below(4) as ConfChange["type"],
        nodeId: BigInt(random.below(4)),
        context: Buffer.from(memberText(random)),
      };
      const json = /"id":(\d)/.exec(text(change.context))?.[1];
      if (random.chance(0.9)) change.nodeId = BigInt(json ?? 0);
      let data: Uint8Array = ConfChange.encode(change).finish();
      if (random.chance(0.03)) data = bend(Buffer.from(data), random);
      return { index, term, type: EntryConfChange, data };
    }
    let data = commandBytes(random);
    if (random.chance(0.03)) {
      data = bend(data, random, commandBytes(random));
      tally.add("bent");
    }
    return { index, term, type: EntryNormal, data };
  }

  private async compare(leader: Replayer, follower: Replayer, after: string): Promise<void> {
    const [one, other] = [await leader.print(), await follower.print()];
    const at = one.findIndex((line, i) => line !== other[i]);
    if (at < 0 && one.length === other.length) return;
    const line = Math.max(at, 0);
    throw new Finding(`after ${after} two members differ: ${one[line]} against ${other[line]}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The ID under which its proposer waits. */
function idOf(entry: Entry): bigint {
  try {
    if (entry.type === EntryType.EntryConfChange) return ConfChange.decode(entry.data).id;
    return decodeCommand(entry.data)?.header.id ?? 0n;
  } catch {
    return 0n;
  }
}

export const commandsTarget: Target = {
  name: "commands",
  rounds: 10,
  about: "replicated commands and changes of membership, applied by two members",
  open: async () => new CommandRounds(),
};
