// Hostile bytes: messages of a schema with values that sit at edges, and bytes that were right once.
// All choices come from one seeded source, so that a round can be played again.
import { Buffer } from "node:buffer";
import type { Random } from "#base/random.ts";
import { BinaryWriter } from "#proto/wire.ts";
import type { FieldShape, WireSchema } from "./wire-schema.ts";

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

/** Numbers at whose edges code goes wrong. */
const edges: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 127n, 128n, 255n, 65_535n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -1n, -2n, -(2n ** 53n)],
];

export function someNumber(random: Random): bigint {
  if (random.chance(0.5)) return BigInt(random.below(20));
  if (random.chance(0.7)) return pick(random, edges);
  return (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
}

const texts: readonly string[] = [
  ...[
    "",
    "a",
    "b",
    "key",
    "key/1",
    "\0",
    "\u00ff",
    "\n",
    "\r\n\r\n",
    "%s%n",
    "../../x",
    "__proto__",
  ],
  ...[
    "constructor",
    "root",
    "http://127.0.0.1:1",
    "{}",
    '"',
    "3.7.0",
    "0000000000000001",
    "💥",
    "-1",
  ],
];

/** A text that is short mostly; one in many has up to 64 KiB. */
export function someText(random: Random): string {
  if (random.chance(0.8)) return pick(random, texts);
  const text = pick(random, texts.slice(1));
  return text.repeat(1 + random.below(random.chance(0.95) ? 20 : 65_536 / text.length));
}

export function someBytes(random: Random, most = 40): Buffer {
  return Buffer.from(Array.from({ length: random.below(most + 1) }, () => random.below(256)));
}

const maxNesting = 6;

/** Makes messages of a schema. `chooseText`, if given, may offer a text of its own for a field. */
export class MessageGenerator {
  private readonly schema: WireSchema;
  private readonly special: (field: FieldShape, random: Random) => string | bigint | undefined;

  constructor(
    schema: WireSchema,
    special: (field: FieldShape, random: Random) => string | bigint | undefined = () => undefined,
  ) {
    this.schema = schema;
    this.special = special;
  }

  /** The bytes of one `name`: of its type all through, whatever its values. */
  message(name: string, random: Random, depth = 0): Buffer {
    const writer = new BinaryWriter();
    const fields = this.schema.messages.get(name) ?? [];
    const density = random.chance(0.3) ? 1 : 0.4;
    for (const field of fields) {
      if (!random.chance(density)) continue;
      let times = 1;
      // Deep down a few: messages that hold their own kind would grow without end.
      if (field.isRepeated && depth > 1) times = random.below(3);
      else if (field.isRepeated) times = random.below(random.chance(0.98) ? 4 : 300);
      for (; times > 0; times--) this.field(writer, field, random, depth);
    }
    return writer.finish();
  }

  /** The bytes of a message that holds just these fields. */
  only(fields: readonly FieldShape[], random: Random): Buffer {
    const writer = new BinaryWriter();
    for (const field of fields) this.field(writer, field, random, 0);
    return writer.finish();
  }

  private field(writer: BinaryWriter, field: FieldShape, random: Random, depth: number): void {
    const { number, type } = field;
    const special = this.special(field, random);
    const tag = (wire: number): BinaryWriter => writer.uint32((number << 3) | wire);
    switch (type) {
      case "bytes":
        if (special !== undefined) tag(2).string(String(special));
        else tag(2).bytes(random.chance(0.7) ? Buffer.from(someText(random)) : someBytes(random));
        return;
      case "string":
        tag(2).string(special === undefined ? someText(random) : String(special));
        return;
      case "bool":
        tag(0).uint32(random.below(2));
        return;
      case "enum":
        tag(0).int64(random.chance(0.9) ? BigInt(random.below(6)) : someNumber(random));
        return;
      default:
        if (!this.schema.messages.has(type)) {
          tag(0).int64(typeof special === "bigint" ? special : someNumber(random));
        } else if (depth < maxNesting) {
          tag(2).bytes(this.message(type, random, depth + 1));
        }
    }
  }

  /** `name` within itself `levels` deep, through the field that leads back to it. */
  nested(fields: readonly number[], levels: number): Buffer {
    let bytes: Buffer = Buffer.alloc(0);
    for (let level = 0; level < levels; level++) {
      for (const number of fields.toReversed()) {
        bytes = new BinaryWriter()
          .uint32((number << 3) | 2)
          .bytes(bytes)
          .finish();
      }
    }
    return bytes;
  }
}

/** Right bytes, bent in one to four places: bits, cuts, copies, lengths, joins with `other`. */
export function bend(bytes: Buffer, random: Random, other: Buffer = bytes): Buffer {
  let bent: Buffer = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--) {
    if (bent.length === 0) bent = someBytes(random);
    if (bent.length === 0) return bent;
    const at = random.below(bent.length);
    switch (random.below(8)) {
      case 0:
        bent[at]! ^= 1 << random.below(8);
        break;
      case 1:
        bent[at] = random.below(256);
        break;
      case 2:
        bent = bent.subarray(0, at);
        break;
      case 3:
        bent = Buffer.concat([bent.subarray(0, at), bent.subarray(random.below(bent.length))]);
        break;
      case 4: {
        const end = Math.min(bent.length, at + 1 + random.below(16));
        bent = Buffer.concat([bent.subarray(0, end), bent.subarray(at)]);
        break;
      }
      case 5:
        bent = Buffer.concat([bent.subarray(0, at), someBytes(random, 12), bent.subarray(at)]);
        break;
      case 6: {
        // A number in place of what stands there: most lengths and pages are such.
        const width = pick(
          random,
          [1, 2, 4, 8].filter((one) => at + one <= bent.length),
        );
        const value = BigInt.asUintN(width * 8, someNumber(random));
        for (let byte = 0; byte < width; byte++) {
          const shift = BigInt(8 * (random.chance(0.5) ? byte : width - 1 - byte));
          bent[at + byte] = Number((value >> shift) & 0xffn);
        }
        break;
      }
      default: {
        const from = random.below(other.length + 1);
        bent = Buffer.concat([bent.subarray(0, at), other.subarray(from)]);
      }
    }
  }
  return bent;
}
