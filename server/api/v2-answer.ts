// How paths of the v2 API beside /v2/keys answer: JSON, errors as {"message": …}, and Go's texts for
// methods that are not served (facts: v2 API §5).
import { Buffer } from "node:buffer";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import { goJson } from "#base/go-json.ts";
import { TooManyUnfinished, type UnfinishedBytes } from "#base/unfinished-bytes.ts";
import type { Request, Response } from "#server/api/http-endpoints.ts";

/** Bodies of members, users and roles are short; etcd knows no bound. */
const maxBodyBytes = 256 * 1024;

/** Ends a request with a status and a message. */
export class V2Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function answerText(
  request: Request,
  response: Response,
  status: number,
  body: string,
  type: string | undefined,
): void {
  response.statusCode = status;
  if (type !== undefined) response.setHeader("Content-Type", type);
  if (status !== 204) response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(request.method === "HEAD" ? "" : body);
}

export function answerJson(
  request: Request,
  response: Response,
  status: number,
  body: string,
): void {
  answerText(request, response, status, body, "application/json");
}

export function answerRefusal(request: Request, response: Response, refusal: V2Refusal): void {
  answerJson(request, response, refusal.status, `{"message":${goJson(refusal.message)}}`);
}

/** True if the method is one of those; otherwise it was answered. */
export function allows(request: Request, response: Response, methods: readonly string[]): boolean {
  if (methods.includes(request.method ?? "")) return true;
  response.setHeader("Allow", methods.join(","));
  methodNotAllowed(request, response);
  return false;
}

export function methodNotAllowed(request: Request, response: Response): void {
  response.setHeader("X-Content-Type-Options", "nosniff");
  answerText(request, response, 405, "Method Not Allowed\n", "text/plain; charset=utf-8");
}

/** Throws V2Refusal for a body that is too long, or one too many. */
export async function readBody(request: Request, unfinished: UnfinishedBytes): Promise<string> {
  const body = new GatheredBytes(unfinished);
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      if (body.length + part.length > maxBodyBytes) {
        throw new V2Refusal(413, `the body has more than ${maxBodyBytes} bytes`);
      }
      body.push(part);
    }
    return body.take().toString();
  } catch (error) {
    throw error instanceof TooManyUnfinished ? new V2Refusal(503, error.message) : error;
  } finally {
    body.drop();
  }
}
