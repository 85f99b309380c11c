// Plain HTTP to the v2 API: requests as curl sends them, answers with the parts that count.
import { Agent, type ClientRequest, request } from "node:http";

export interface V2Call {
  readonly method: string;
  /** With its query, from the slash on. */
  readonly target: string;
  /** Sent as a form; none if undefined. */
  readonly form?: string | undefined;
}

export interface V2Answer {
  readonly status: number;
  readonly index: string | undefined;
  readonly type: string | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function send(base: string, call: V2Call): ClientRequest {
  const url = new URL(base);
  const headers: Record<string, string | number> = {};
  if (call.form !== undefined) {
    headers["Content-Type"] = "application/x-www-form-urlencoded";
    headers["Content-Length"] = Buffer.byteLength(call.form);
  }
  const opened = request({
    agent,
    host: url.hostname,
    port: url.port,
    method: call.method,
    // Not through URL, which would clean the path.
    path: call.target,
    headers,
  });
  opened.end(call.form);
  return opened;
}

/** One call, its answer whole. */
export function ask(base: string, call: V2Call): Promise<V2Answer> {
  return new Promise((resolve, reject) => {
    const opened = send(base, call);
    opened.once("error", reject);
    opened.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          index: response.headers["x-etcd-index"] as string | undefined,
          type: response.headers["content-type"],
          location: response.headers.location,
          body,
        }),
      );
    });
  });
}

/** A watch whose header has come; its text grows. */
export class OpenWatch {
  readonly status: number;
  readonly index: string | undefined;
  /** All that came so far. */
  text = "";
  isEnded = false;
  private readonly opened: ClientRequest;
  private readonly waiters = new Set<() => void>();

  private constructor(opened: ClientRequest, status: number, index: string | undefined) {
    this.opened = opened;
    this.status = status;
    this.index = index;
  }

  static open(base: string, target: string): Promise<OpenWatch> {
    return new Promise((resolve, reject) => {
      const opened = send(base, { method: "GET", target });
      opened.once("error", reject);
      opened.once("response", (response) => {
        const index = response.headers["x-etcd-index"] as string | undefined;
        const watch = new OpenWatch(opened, response.statusCode ?? 0, index);
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          watch.text += text;
          watch.tell();
        });
        const end = (): void => {
          watch.isEnded = true;
          watch.tell();
        };
        response.once("close", end);
        response.on("error", end);
        resolve(watch);
      });
    });
  }

  /** Resolves once `test` holds of the text, or nothing more can come. */
  async until(test: (text: string) => boolean): Promise<string> {
    while (!test(this.text) && !this.isEnded) {
      await new Promise<void>((resolve) => this.waiters.add(resolve));
    }
    return this.text;
  }

  close(): void {
    this.opened.destroy();
  }

  private tell(): void {
    const waiters = [...this.waiters];
    this.waiters.clear();
    for (const waiter of waiters) waiter();
  }
}
