// The file that tells which folder holds the state, and whether its replacement is still to be
// finished in the log. JSON, replaced whole.
import { OperatingError } from "#base/errors.ts";
import { readSmallFile, replaceFile } from "#server/backend/folder.ts";

/** The point up to which an installed state tells everything; the same as a log's snapshot mark. */
export interface InstallMark {
  readonly index: number;
  readonly term: number;
  readonly confState: {
    readonly voters: bigint[];
    readonly learners: bigint[];
    readonly votersOutgoing: bigint[];
    readonly learnersNext: bigint[];
    readonly autoLeave: boolean;
  };
}

export interface StatePointer {
  /** N of folder state-N. */
  readonly serial: number;
  /** Set from the moment the new state counts until the log was reset to it. */
  readonly installing: InstallMark | undefined;
}

/** The pointer in `file`; undefined if there is none. */
export async function readPointer(file: string): Promise<StatePointer | undefined> {
  const content = await readSmallFile(file);
  if (content === undefined) return undefined;
  try {
    return decodePointer(JSON.parse(content));
  } catch (error) {
    throw new OperatingError(
      "DATA_DAMAGED",
      `${file} is damaged: remove this member and add it again with an empty folder, or restore a backup`,
      { cause: error },
    );
  }
}

export async function writePointer(file: string, pointer: StatePointer): Promise<void> {
  const text = JSON.stringify(
    { state: `state-${pointer.serial}`, installing: pointer.installing },
    (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value),
  );
  await replaceFile(file, `${text}\n`);
}

function decodePointer(json: unknown): StatePointer {
  const { state, installing } = record(json);
  const serial = /^state-(\d{1,9})$/.exec(String(state))?.[1];
  if (serial === undefined) throw new Error("no state is named");
  return {
    serial: Number(serial),
    installing: installing === undefined ? undefined : decodeMark(record(installing)),
  };
}

function decodeMark(json: Record<string, unknown>): InstallMark {
  const conf = record(json["confState"]);
  return {
    index: safeInteger(json["index"]),
    term: safeInteger(json["term"]),
    confState: {
      voters: ids(conf["voters"]),
      learners: ids(conf["learners"]),
      votersOutgoing: ids(conf["votersOutgoing"]),
      learnersNext: ids(conf["learnersNext"]),
      autoLeave: conf["autoLeave"] === true,
    },
  };
}

function record(json: unknown): Record<string, unknown> {
  if (typeof json !== "object" || json === null) throw new Error("not an object");
  return { ...json };
}

function safeInteger(json: unknown): number {
  if (typeof json !== "number" || !Number.isSafeInteger(json)) throw new Error("not a number");
  return json;
}

function ids(json: unknown): bigint[] {
  if (!Array.isArray(json)) throw new Error("not a list");
  return json.map((id) => BigInt(`0x${String(id)}`));
}
