// How the load calls: one connection at a time, nothing ever sent twice, so that a call without an
// answer stays what it is: of unknown outcome.
import * as grpc from "@grpc/grpc-js";
import type { Codec, Method } from "#client/transport.ts";

const connectMs = 300;

/** One channel, without the retries of grpc-js. */
export function openChannel(endpoint: string): grpc.Client {
  return new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.min_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
  });
}

/** One call, sent once. */
export function callOnce<Req, Res>(
  channel: grpc.Client,
  method: Method<Req, Res>,
  service: { readonly fullName: string },
  request: Req,
  deadlineMs: number,
): Promise<Res> {
  const encode = (codec: Codec<Req>) => (message: Req) => codec.encode(message).finish();
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      `/${service.fullName}/${method.name}`,
      encode(method.requestType),
      (bytes: Buffer) => method.responseType.decode(bytes),
      request,
      new grpc.Metadata(),
      { deadline: Date.now() + deadlineMs },
      (error, response) => {
        if (error === null && response !== undefined) resolve(response);
        else reject(error ?? new Error("no answer"));
      },
    );
  });
}

/** A client that talks to one member until it fails it, and then to the next. */
export class Caller {
  private readonly endpoints: readonly string[];
  private readonly deadlineMs: number;
  private at: number;
  private channel: grpc.Client;

  /** Begins with the member at `first`, counted round. */
  constructor(endpoints: readonly string[], first: number, deadlineMs: number) {
    this.endpoints = endpoints;
    this.deadlineMs = deadlineMs;
    this.at = first % endpoints.length;
    this.channel = openChannel(endpoints[this.at]!);
  }

  /**
   * Resolves on a connection that stands, to whatever member: on others no call is made, or history
   * would fill with what was never sent. Gives up after one round.
   */
  async connected(): Promise<boolean> {
    for (const _ of this.endpoints) {
      const stands = await new Promise<boolean>((resolve) => {
        this.channel.waitForReady(Date.now() + connectMs, (error) => resolve(error === undefined));
      });
      if (stands) return true;
      this.moveOn();
    }
    return false;
  }

  /** One call, sent once; after a failure the next goes to another member. */
  async call<Req, Res>(
    service: { readonly fullName: string },
    method: Method<Req, Res>,
    request: Req,
  ): Promise<Res> {
    try {
      return await callOnce(this.channel, method, service, request, this.deadlineMs);
    } catch (error) {
      this.moveOn();
      throw error;
    }
  }

  /** The first answer of a stream after one request; undefined if it ends without one. */
  async firstOf<Req, Res>(
    service: { readonly fullName: string },
    method: Method<Req, Res>,
    request: Req,
  ): Promise<Res> {
    const encode = (codec: Codec<Req>) => (message: Req) => codec.encode(message).finish();
    const stream = this.channel.makeBidiStreamRequest(
      `/${service.fullName}/${method.name}`,
      encode(method.requestType),
      (bytes: Buffer) => method.responseType.decode(bytes),
      new grpc.Metadata(),
      { deadline: Date.now() + this.deadlineMs },
    );
    try {
      return await new Promise<Res>((resolve, reject) => {
        stream.once("data", resolve);
        stream.on("error", reject);
        stream.once("end", () => reject(new Error("the stream ended without an answer")));
        stream.write(request);
      });
    } catch (error) {
      this.moveOn();
      throw error;
    } finally {
      stream.cancel();
    }
  }

  close(): void {
    this.channel.close();
  }

  private moveOn(): void {
    this.channel.close();
    this.at = (this.at + 1) % this.endpoints.length;
    this.channel = openChannel(this.endpoints[this.at]!);
  }
}
