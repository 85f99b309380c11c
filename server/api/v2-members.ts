// GET /v2/members and /v2/members/leader (facts: v2 API §5). Changes of membership are made with v3.
import { Buffer } from "node:buffer";
import { goJson } from "#base/go-json.ts";
import { formatId } from "#base/ids.ts";
import type { Member } from "#proto/gen/cluster.ts";
import type { Request, Response } from "#server/api/http-endpoints.ts";
import type { V2Member } from "#server/api/v2-member.ts";

function memberJson({ ID, name, peerURLs, clientURLs }: Member): string {
  return `{"id":"${formatId(ID)}","name":${goJson(name)},"peerURLs":${goJson(peerURLs)},"clientURLs":${goJson(clientURLs)}}`;
}

/** Answers one request. */
export function serveV2Members(
  member: V2Member,
  path: string,
  request: Request,
  response: Response,
): void {
  const answer = (status: number, body: string): void => {
    response.statusCode = status;
    response.setHeader("Content-Type", "application/json");
    response.setHeader("Content-Length", Buffer.byteLength(body));
    response.end(body);
  };
  if (request.method !== "GET") {
    const body = "Method Not Allowed\n";
    response.statusCode = 405;
    response.setHeader("Allow", "GET");
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Content-Length", Buffer.byteLength(body));
    response.end(request.method === "HEAD" ? "" : body);
    return;
  }
  response.setHeader("X-Etcd-Cluster-Id", formatId(member.clusterId));
  const members = member.members();
  switch (path.slice("/v2/members".length).replace(/^\//, "")) {
    case "":
      answer(200, `{"members":[${members.map(memberJson).join(",")}]}\n`);
      return;
    case "leader": {
      const leader = members.find(({ ID }) => ID === member.leader());
      if (leader === undefined) answer(503, `{"message":"During election"}`);
      else answer(200, `${memberJson(leader)}\n`);
      return;
    }
    default:
      answer(404, `{"message":"Not found"}`);
  }
}
