// The paths below /v2/ of client URLs (facts: v2 API §1, §5). What is wrong with a path is answered as
// Go's router does: one that is not clean is sent to the clean one.
import { Buffer } from "node:buffer";
import { formatId } from "#base/ids.ts";
import { unescapeText } from "#server/api/form.ts";
import type { HttpEndpoints, Request, Response } from "#server/api/http-endpoints.ts";
import { answerJson, answerRefusal, V2Refusal } from "#server/api/v2-answer.ts";
import { isAuthPath, V2Auth } from "#server/api/v2-auth.ts";
import { serveV2Keys, type V2Limits } from "#server/api/v2-keys.ts";
import type { V2Member } from "#server/api/v2-member.ts";
import { serveV2Members } from "#server/api/v2-members.ts";
import { serveV2Stats } from "#server/api/v2-stats.ts";
import { V2Error } from "#server/v2store/errors.ts";

/** The handler to give to httpEndpoints. */
export function v2Endpoints(member: V2Member, limits: V2Limits): NonNullable<HttpEndpoints["v2"]> {
  const { unfinished } = limits;
  const auth = new V2Auth(member, unfinished);
  const keys = { member, limits, auth };
  const mayChange = async (request: Request): Promise<boolean> =>
    !member.isGuarded() && auth.isRoot(request);
  const members = { member, unfinished, mayChange };
  return (escaped, query, request, response) => {
    const decoded = unescapeText(escaped, false);
    if (!decoded.ok) {
      badRequest(response);
      return true;
    }
    const path = decoded.text;
    const clean = routedPath(path);
    if (clean !== path) {
      const to = escapePath(clean);
      redirect(query === "" ? to : `${to}?${query}`, request, response);
      return true;
    }
    if (path === "/v2/keys" || path.startsWith("/v2/keys/")) {
      response.setHeader("X-Etcd-Cluster-Id", formatId(member.clusterId));
      serveV2Keys(keys, path, query, request, response);
      return true;
    }
    const answered = (serving: Promise<unknown>): true => {
      serving.catch((error: unknown) => refuse(error, request, response));
      return true;
    };
    if (path === "/v2/members" || path.startsWith("/v2/members/")) {
      return answered(serveV2Members(members, path, request, response));
    }
    if (isAuthPath(path)) return answered(auth.serve(path, request, response));
    try {
      return serveV2Stats(member, path, request, response);
    } catch (error) {
      refuse(error, request, response);
      return true;
    }
  };
}

/** What was refused, with etcd's words; of everything else that it went wrong. */
function refuse(error: unknown, request: Request, response: Response): void {
  if (response.headersSent) response.destroy();
  else if (error instanceof V2Refusal) answerRefusal(request, response, error);
  else if (error instanceof V2Error) {
    response.setHeader("X-Etcd-Index", String(error.index));
    answerJson(request, response, error.status, error.json());
  } else answerRefusal(request, response, new V2Refusal(500, "Internal Server Error"));
}

/** The path without empty elements, `.` and `..`, its last slash kept. */
function routedPath(path: string): string {
  const kept: string[] = [];
  const elements = path.slice(1).split("/");
  for (const element of elements) {
    if (element === "..") kept.pop();
    else if (element !== "" && element !== ".") kept.push(element);
  }
  const slash = path.endsWith("/") && kept.length > 0 ? "/" : "";
  return `/${kept.join("/")}${slash}`;
}

/** What Go's server answers before anybody sees the request. */
function badRequest(response: Response): void {
  response.statusCode = 400;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.setHeader("Connection", "close");
  response.end("400 Bad Request");
}

/** As Go escapes a path: all but letters, digits and a few signs. */
function escapePath(path: string): string {
  return encodeURIComponent(path)
    .replace(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, (one) => decodeURIComponent(one))
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** As Go writes them. */
const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&#34;"],
  ["'", "&#39;"],
]);

function redirect(to: string, request: Request, response: Response): void {
  const escaped = to.replace(/[&<>"']/g, (char) => entities.get(char) ?? "");
  const body = `<a href="${escaped}">Moved Permanently</a>.\n\n`;
  response.statusCode = 301;
  response.setHeader("Location", to);
  const shows = request.method === "GET" || request.method === "HEAD";
  if (shows) {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.setHeader("Content-Length", Buffer.byteLength(body));
  }
  response.end(request.method === "GET" ? body : "");
}
