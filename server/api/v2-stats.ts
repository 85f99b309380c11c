// /v2/stats/self, /leader and /store, and /v2/machines (facts: v2 API §5).
import type { Request, Response } from "#server/api/http-endpoints.ts";
import { allows, answerJson, answerText, V2Refusal } from "#server/api/v2-answer.ts";
import type { V2Member } from "#server/api/v2-member.ts";

/** Answers one request; throws V2Refusal. False if the path is none of these. */
export function serveV2Stats(
  member: V2Member,
  path: string,
  request: Request,
  response: Response,
): boolean {
  if (path === "/v2/machines") {
    if (!allows(request, response, ["GET", "HEAD"])) return true;
    const urls = member.members().flatMap(({ clientURLs }) => clientURLs);
    answerText(request, response, 200, urls.sort().join(", "), "text/plain; charset=utf-8");
    return true;
  }
  const what = /^\/v2\/stats\/(self|leader|store)$/.exec(path)?.[1];
  if (what === undefined) return false;
  if (!allows(request, response, ["GET"])) return true;
  const body = member.stats[what as "self" | "leader" | "store"]();
  if (body === undefined) throw new V2Refusal(403, "not current leader");
  answerJson(request, response, 200, body);
  return true;
}
