// The other transport: the same calls as JSON under /v3/, streams that go both ways over a WebSocket.
// Requests become JSON, and answers bytes again, by the gateway's own modules, so that whatever is asked
// over gRPC can be asked here. Answers whose text is not what our gateway writes for the same
// message are kept as texts, and errors whole, so that the form is compared too.
import { Agent, type ClientRequest, request as httpRequest } from "node:http";
import WebSocket from "ws";
import { jsonMethods } from "#proto/gen/json-tables.ts";
import { readJson } from "#proto/json-read.ts";
import { writeJson } from "#proto/json-write.ts";
import { gatewayRoutes } from "#server/api/gateway/routes.ts";
import { assertDefined } from "./comparison.ts";
import type { Call, Metadata, Status } from "./connection.ts";
import { schema } from "./schema.ts";

/** The first route of each method. */
const routes = new Map([...gatewayRoutes].reverse().map(([route, path]) => [path, route]));
const bidirectional = new Set(
  [...schema.rpcs.values()].filter((one) => one.requestStream).map(({ path }) => path),
);

/** True of methods that the gateway has. */
export function hasRoute(path: string): boolean {
  return routes.has(path);
}

/** How Go's encoder writes what HTML could take for markup, in the lines of a stream. */
function unescaped(text: string): string {
  return text.replaceAll(/\\u(003c|003e|0026|2028|2029)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

abstract class JsonCall implements Call {
  readonly messages: Uint8Array[] = [];
  readonly ended: Promise<Status>;
  status: Status | undefined;
  onChange: () => void = () => {};
  protected readonly input: string;
  private readonly output: string;
  private readonly resolve: (status: Status) => void;
  private readonly odd: string[] = [];

  constructor(path: string) {
    const { input, output } = assertDefined(jsonMethods[path], `${path} has a route`);
    this.input = input;
    this.output = output;
    const { promise, resolve } = Promise.withResolvers<Status>();
    this.ended = promise;
    this.resolve = resolve;
  }

  abstract send(message: Uint8Array): void;
  abstract sendLast(messages: readonly Uint8Array[]): void;
  abstract cancel(): void;

  /** Takes the JSON of one answer. */
  protected take(text: string): void {
    const message = readJson(this.output, Buffer.from(text));
    if (writeJson(this.output, message) !== text) this.odd.push(text);
    this.messages.push(message);
    this.onChange();
  }

  /** Takes one line of a stream: an answer, or the error that ends it. */
  protected line(text: string): void {
    const result = /^\{"result":(.*)\}$/s.exec(text);
    if (result !== null) this.take(unescaped(result[1]!));
    else {
      const error = /^\{"error":(.*)\}$/s.exec(text);
      this.fail(error === null ? text : unescaped(error[1]!), "a line of a stream");
    }
  }

  /** The call ends with this body of an error, which `how` came. */
  protected fail(body: string, how: string): void {
    let parsed: { readonly code?: number; readonly message?: string } = {};
    try {
      parsed = JSON.parse(body) as typeof parsed;
    } catch {
      // Compared as it is.
    }
    const { code = -1, message = "" } = parsed;
    // Go marks some spaces as not to be relied on.
    this.close({ code, message, how: `${how}: ${body.replaceAll("\u00a0", " ")}` });
  }

  protected close(status: Status): void {
    if (this.status !== undefined) return;
    const { odd } = this;
    this.status = odd.length === 0 ? status : { ...status, how: `${status.how}, ${odd.join()}` };
    this.resolve(this.status);
    this.onChange();
  }
}

/** A request and its answer, or the lines of one. */
class HttpCall extends JsonCall {
  private readonly request: ClientRequest;

  constructor(base: URL, agent: Agent, path: string, metadata: Metadata) {
    super(path);
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    for (const [name, value] of Object.entries(metadata)) {
      headers[name === "token" ? "Authorization" : `Grpc-Metadata-${name}`] = value;
    }
    const isStream = [...schema.rpcs.values()].some(
      (one) => one.path === path && one.responseStream,
    );
    const { hostname, port } = base;
    this.request = httpRequest(
      { hostname, port, method: "POST", path: routes.get(path)!, headers, agent },
      (response) => {
        let body = "";
        const { statusCode = 0 } = response;
        const how = `${statusCode} ${response.headers["content-type"]}`;
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body += text;
          if (!isStream) return;
          const lines = body.split("\n");
          body = lines.pop()!;
          for (const line of lines) this.line(line);
        });
        response.on("end", () => {
          if (statusCode !== 200 && body !== "") this.fail(body, how);
          else if (!isStream) this.take(body);
          this.close({ code: 0, message: "", how });
        });
        response.on("close", () => this.close({ code: -1, message: "cut off" }));
        response.on("error", () => {});
      },
    );
    this.request.on("error", () => this.close({ code: -1, message: "no answer" }));
  }

  send(message: Uint8Array): void {
    this.request.write(writeJson(this.input, message));
  }

  sendLast(messages: readonly Uint8Array[]): void {
    this.request.end(messages.map((message) => writeJson(this.input, message)).join(""));
  }

  cancel(): void {
    this.request.destroy();
    this.close({ code: -1, message: "cancelled" });
  }
}

/** A stream both ways; its messages are texts of a WebSocket. */
class SocketCall extends JsonCall {
  private readonly socket: WebSocket;
  private waiting: string[] = [];

  constructor(base: URL, path: string, metadata: Metadata) {
    super(path);
    const { token } = metadata;
    this.socket = new WebSocket(
      `ws://${base.host}${routes.get(path)}`,
      token === undefined ? [] : ["Bearer", token],
      { perMessageDeflate: false, maxPayload: 2 ** 30 },
    );
    this.socket.on("open", () => {
      for (const text of this.waiting) this.socket.send(text);
      this.waiting = [];
    });
    this.socket.on("message", (data) => this.line(String(data)));
    this.socket.on("close", () => this.close({ code: 0, message: "" }));
    this.socket.on("error", () => {});
  }

  send(message: Uint8Array): void {
    const text = writeJson(this.input, message);
    if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(text);
    else this.socket.send(text);
  }

  sendLast(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.send(message);
  }

  cancel(): void {
    this.socket.terminate();
    this.close({ code: -1, message: "cancelled" });
  }
}

/** The gateway of one member. */
export class JsonConnection {
  private readonly base: URL;
  private readonly agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.base = new URL(url);
  }

  /** Begins a call; `isWhole` if all that it asks is sent at once. */
  open(path: string, metadata: Metadata, isWhole: boolean): Call {
    return bidirectional.has(path) && !isWhole
      ? new SocketCall(this.base, path, metadata)
      : new HttpCall(this.base, this.agent, path, metadata);
  }

  close(): void {
    this.agent.destroy();
  }
}
