// The interoperability cases of gRPC, as its public description has them, with @grpc/grpc-js.
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type CallOptions,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  readPayloadAnswer,
  readSum,
  type TestRequest,
  writeInput,
  writeRequest,
} from "./messages.ts";

const service = "/grpc.testing.TestService";
const requestBytes = [27_182, 8, 1828, 45_904];
const answerBytes = [31_415, 9, 2653, 58_979];
const empty = Buffer.alloc(0);
const asIs = (bytes: Buffer): Buffer => bytes;

interface Answer<T> {
  readonly value: T | undefined;
  readonly error: ServiceError | undefined;
  readonly initial: Metadata;
  readonly trailing: Metadata;
}

/** Waits for all of a call that takes one answer. */
async function answerOf<T>(
  begin: (done: (error: ServiceError | null, value?: T) => void) => ClientUnaryCall,
  during: (call: ClientUnaryCall) => void = () => {},
): Promise<Answer<T>> {
  let initial = new Metadata();
  let trailing = new Metadata();
  return await new Promise((resolve) => {
    let settled: { error: ServiceError | undefined; value: T | undefined } | undefined;
    let hasStatus = false;
    const settle = (): void => {
      if (settled !== undefined && hasStatus) resolve({ ...settled, initial, trailing });
    };
    const call = begin((error, value) => {
      settled = { error: error ?? undefined, value };
      settle();
    });
    call.on("metadata", (got: Metadata) => {
      initial = got;
    });
    call.on("status", ({ metadata }: { metadata: Metadata }) => {
      trailing = metadata;
      hasStatus = true;
      settle();
    });
    during(call);
  });
}

function unary(
  client: Client,
  request: Partial<TestRequest>,
  metadata = new Metadata(),
  method = "UnaryCall",
): Promise<Answer<number>> {
  return answerOf((done) =>
    client.makeUnaryRequest(
      method.startsWith("/") ? method : `${service}/${method}`,
      asIs,
      readPayloadAnswer,
      method === "UnaryCall" ? writeRequest(request, "unary") : empty,
      metadata,
      done,
    ),
  );
}

function duplex(client: Client, metadata = new Metadata(), options: CallOptions = {}) {
  const path = `${service}/FullDuplexCall`;
  const call = client.makeBidiStreamRequest(path, asIs, readPayloadAnswer, metadata, options);
  const got: number[] = [];
  call.on("data", (bytes: number) => got.push(bytes));
  const ended = new Promise<{ code: number; details: string; metadata: Metadata }>((resolve) => {
    call.once("status", resolve);
  });
  // The status says the same.
  call.on("error", () => {});
  const send = (request: Partial<TestRequest>): void =>
    void call.write(writeRequest(request, "stream"));
  return { call, got, ended, send };
}

function oneAnswer(bytes: number, payloadBytes: number): Partial<TestRequest> {
  return { answers: [{ bytes, delayUs: 0 }], payloadBytes };
}

const echoed = ["test_initial_metadata_value", Buffer.from("\n\v\n\v\n\v")] as const;
const initialKey = "x-grpc-test-echo-initial";
const trailingKey = "x-grpc-test-echo-trailing-bin";

function checkEchoed(initial: Metadata, trailing: Metadata): void {
  assert.deepEqual(initial.get(initialKey), [echoed[0]]);
  assert.deepEqual(trailing.get(trailingKey), [echoed[1]]);
}

const specialMessage =
  "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n";

/** Each case by its public name. */
export const cases: Readonly<Record<string, (client: Client) => Promise<void>>> = {
  async empty_unary(client) {
    const { error, value } = await unary(client, {}, undefined, "EmptyCall");
    assert.deepEqual([error, value], [undefined, 0]);
  },

  async large_unary(client) {
    const request = { responseBytes: 314_159, payloadBytes: 271_828 };
    const { error, value } = await unary(client, request);
    assert.deepEqual([error, value], [undefined, 314_159]);
  },

  async client_streaming(client) {
    const path = `${service}/StreamingInputCall`;
    const { error, value } = await answerOf<number>((done) => {
      const call = client.makeClientStreamRequest(path, asIs, readSum, done);
      for (const bytes of requestBytes) call.write(writeInput(bytes));
      call.end();
      return call as unknown as ClientUnaryCall;
    });
    assert.deepEqual([error, value], [undefined, 74_922]);
  },

  async server_streaming(client) {
    const request = writeRequest(
      { answers: answerBytes.map((bytes) => ({ bytes, delayUs: 0 })) },
      "stream",
    );
    const path = `${service}/StreamingOutputCall`;
    const got: number[] = [];
    for await (const bytes of client.makeServerStreamRequest(
      path,
      asIs,
      readPayloadAnswer,
      request,
    ))
      got.push(bytes);
    assert.deepEqual(got, answerBytes);
  },

  async ping_pong(client) {
    const { call, got, ended, send } = duplex(client);
    for (const [index, bytes] of answerBytes.entries()) {
      const answer = once(call, "data");
      send(oneAnswer(bytes, requestBytes[index]!));
      assert.deepEqual(await answer, [bytes]);
    }
    call.end();
    assert.deepEqual([(await ended).code, got], [status.OK, answerBytes]);
  },

  async empty_stream(client) {
    const { call, got, ended } = duplex(client);
    call.end();
    assert.deepEqual([(await ended).code, got], [status.OK, []]);
  },

  async client_compressed_unary(client) {
    // Whether a message came compressed is no concern of services here; that it is understood, is.
    const request = { responseBytes: 314_159, payloadBytes: 271_828, expectCompressed: true };
    const { error, value } = await unary(client, request);
    assert.deepEqual([error, value], [undefined, 314_159]);
  },

  async cancel_after_begin(client) {
    const path = `${service}/StreamingInputCall`;
    const { error } = await answerOf<number>(
      (done) =>
        client.makeClientStreamRequest(path, asIs, readSum, done) as unknown as ClientUnaryCall,
      (call) => call.cancel(),
    );
    assert.equal(error?.code, status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const { call, ended, send } = duplex(client);
    send(oneAnswer(31_415, 27_182));
    await once(call, "data");
    call.cancel();
    assert.equal((await ended).code, status.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const { ended, send } = duplex(client, undefined, { deadline: Date.now() + 1 });
    send({ payloadBytes: 27_182 });
    assert.equal((await ended).code, status.DEADLINE_EXCEEDED);
  },

  async custom_metadata(client) {
    const metadata = new Metadata();
    metadata.set(initialKey, echoed[0]);
    metadata.set(trailingKey, echoed[1]);
    const answer = await unary(client, { responseBytes: 1, payloadBytes: 1 }, metadata);
    assert.deepEqual([answer.error, answer.value], [undefined, 1]);
    checkEchoed(answer.initial, answer.trailing);

    const { call, got, ended, send } = duplex(client, metadata);
    const initial = once(call, "metadata");
    send(oneAnswer(1, 1));
    call.end();
    const end = await ended;
    assert.deepEqual([end.code, got], [status.OK, [1]]);
    checkEchoed((await initial)[0] as Metadata, end.metadata);
  },

  async status_code_and_message(client) {
    const wanted = { code: 2, message: "test status message" };
    const { error } = await unary(client, { status: wanted });
    assert.deepEqual([error?.code, error?.details], [wanted.code, wanted.message]);
    const { call, ended, send } = duplex(client);
    send({ status: wanted });
    call.end();
    const { code, details } = await ended;
    assert.deepEqual([code, details], [wanted.code, wanted.message]);
  },

  async special_status_message(client) {
    const { error } = await unary(client, { status: { code: 2, message: specialMessage } });
    assert.deepEqual([error?.code, error?.details], [2, specialMessage]);
  },

  async unimplemented_method(client) {
    const { error } = await unary(client, {}, undefined, "UnimplementedCall");
    assert.equal(error?.code, status.UNIMPLEMENTED);
  },

  async unimplemented_service(client) {
    const path = "/grpc.testing.UnimplementedService/UnimplementedCall";
    const { error } = await unary(client, {}, undefined, path);
    assert.equal(error?.code, status.UNIMPLEMENTED);
  },
};

/** gRPC's number of it. */
const gzip = 2;

/** A client for one case; with `ca`, over TLS. */
export function interopClient(name: string, port: number, ca: string | undefined): Client {
  const secure =
    ca === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(ca));
  return new Client(`127.0.0.1:${port}`, secure, {
    "grpc.ssl_target_name_override": "localhost",
    ...(name === "client_compressed_unary" ? { "grpc.default_compression_algorithm": gzip } : {}),
  });
}
