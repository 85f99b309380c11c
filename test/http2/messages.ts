// The messages of grpc.testing that the interoperability cases use, on the wire runtime of the project.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

/** A request of UnaryCall (one answer) or of a streaming call (as many as `answers`). */
export interface TestRequest {
  /** Length of the payload's body. */
  readonly payloadBytes: number;
  readonly responseBytes: number;
  readonly answers: readonly { readonly bytes: number; readonly delayUs: number }[];
  readonly status: { readonly code: number; readonly message: string } | undefined;
  /** The request says whether it should have come compressed. */
  readonly expectCompressed: boolean | undefined;
}

type Fields = Record<number, (reader: BinaryReader) => void>;

function read(reader: BinaryReader, end: number, fields: Fields): void {
  while (reader.pos < end) {
    const tag = reader.tag();
    const field = fields[tag >>> 3];
    if (field === undefined) reader.skip(tag);
    else field(reader);
  }
}

function nested(reader: BinaryReader, fields: Fields): void {
  const size = reader.size();
  read(reader, reader.pos + size, fields);
}

function bodyBytes(reader: BinaryReader): number {
  let bytes = 0;
  nested(reader, {
    2: (inner) => {
      bytes = inner.bytes().length;
    },
  });
  return bytes;
}

function boolValue(reader: BinaryReader): boolean {
  let value = false;
  nested(reader, {
    1: (inner) => {
      value = inner.bool();
    },
  });
  return value;
}

/** SimpleRequest and StreamingOutputCallRequest differ in their field 2 only. */
export function readRequest(bytes: Uint8Array, kind: "unary" | "stream"): TestRequest {
  const answers: { bytes: number; delayUs: number }[] = [];
  let payloadBytes = 0;
  let responseBytes = 0;
  let status: TestRequest["status"];
  let expectCompressed: boolean | undefined;
  const reader = new BinaryReader(bytes);
  read(reader, bytes.length, {
    2: (r) => {
      if (kind === "unary") responseBytes = r.int32();
      else {
        const answer = { bytes: 0, delayUs: 0 };
        nested(r, {
          1: (inner) => {
            answer.bytes = inner.int32();
          },
          2: (inner) => {
            answer.delayUs = inner.int32();
          },
        });
        answers.push(answer);
      }
    },
    3: (r) => {
      payloadBytes = bodyBytes(r);
    },
    7: (r) => {
      let code = 0;
      let message = "";
      nested(r, {
        1: (inner) => {
          code = inner.int32();
        },
        2: (inner) => {
          message = inner.string();
        },
      });
      status = { code, message };
    },
    8: (r) => {
      expectCompressed = boolValue(r);
    },
  });
  return { payloadBytes, responseBytes, answers, status, expectCompressed };
}

export function writeRequest(request: Partial<TestRequest>, kind: "unary" | "stream"): Buffer {
  const writer = new BinaryWriter();
  if (kind === "unary" && request.responseBytes !== undefined)
    writer.uint32(16).int32(request.responseBytes);
  for (const { bytes, delayUs } of request.answers ?? [])
    writer.uint32(18).fork().uint32(8).int32(bytes).uint32(16).int32(delayUs).join();
  if (request.payloadBytes !== undefined) writePayload(writer, 26, request.payloadBytes);
  if (request.status !== undefined) {
    const { code, message } = request.status;
    writer.uint32(58).fork().uint32(8).int32(code).uint32(18).string(message).join();
  }
  if (request.expectCompressed !== undefined)
    writer.uint32(66).fork().uint32(8).bool(request.expectCompressed).join();
  return writer.finish();
}

function writePayload(writer: BinaryWriter, tag: number, bytes: number): void {
  writer.uint32(tag).fork().uint32(18).bytes(new Uint8Array(bytes)).join();
}

/** SimpleResponse and StreamingOutputCallResponse. */
export function writePayloadAnswer(bytes: number): Buffer {
  const writer = new BinaryWriter();
  writePayload(writer, 10, bytes);
  return writer.finish();
}

/** Length of an answer's payload. */
export function readPayloadAnswer(bytes: Uint8Array): number {
  let length = 0;
  const reader = new BinaryReader(bytes);
  read(reader, bytes.length, {
    1: (r) => {
      length = bodyBytes(r);
    },
  });
  return length;
}

/** StreamingInputCallRequest. */
export function writeInput(payloadBytes: number): Buffer {
  return writePayloadAnswer(payloadBytes);
}

export const readInput = readPayloadAnswer;

/** StreamingInputCallResponse. */
export function writeSum(bytes: number): Buffer {
  return new BinaryWriter().uint32(8).int32(bytes).finish();
}

export function readSum(bytes: Uint8Array): number {
  let sum = 0;
  const reader = new BinaryReader(bytes);
  read(reader, bytes.length, {
    1: (r) => {
      sum = r.int32();
    },
  });
  return sum;
}
