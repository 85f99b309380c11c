// /v2/members: the cluster's members, read and changed (facts: v2 API §5). Changes go the way of v3's.
import { goJson } from "#base/go-json.ts";
import { formatId, type MemberId, parseId } from "#base/ids.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { isEtcdError } from "#proto/errors.ts";
import type { Member } from "#proto/gen/cluster.ts";
import type { Request, Response } from "#server/api/http-endpoints.ts";
import {
  allows,
  answerJson,
  answerText,
  methodNotAllowed,
  readBody,
  V2Refusal,
} from "#server/api/v2-answer.ts";
import type { V2Member } from "#server/api/v2-member.ts";
import { parseEndpoint } from "#server/config/urls.ts";

function memberJson({ ID, name, peerURLs, clientURLs }: Member): string {
  return `{"id":"${formatId(ID)}","name":${goJson(name)},"peerURLs":${goJson(peerURLs)},"clientURLs":${goJson(clientURLs)}}`;
}

export interface V2Members {
  readonly member: V2Member;
  /** Bodies under way, of all connections together. */
  readonly unfinished: UnfinishedBytes;
  /** Whether who asks may change members. */
  mayChange(request: Request): Promise<boolean>;
}

/** Answers one request. Throws V2Refusal. */
export async function serveV2Members(
  { member, unfinished, mayChange }: V2Members,
  path: string,
  request: Request,
  response: Response,
): Promise<void> {
  if (!allows(request, response, ["GET", "POST", "DELETE", "PUT"])) return;
  const { method } = request;
  if (method !== "GET" && !(await mayChange(request))) {
    throw new V2Refusal(401, "Insufficient credentials");
  }
  response.setHeader("X-Etcd-Cluster-Id", formatId(member.clusterId));
  const name = path.slice("/v2/members".length).replace(/^\//, "");
  if (method === "GET") return read(member, name, request, response);
  try {
    if (method === "POST") {
      const urls = await peerUrlsIn(request, unfinished);
      const added = (await member.reconfiguration.add(urls, false)).member;
      return answerJson(request, response, 201, `${memberJson(added)}\n`);
    }
    if (name === "") return methodNotAllowed(request, response);
    const id = parseId(name) as MemberId | undefined;
    if (id === undefined) throw new V2Refusal(404, `No such member: ${name}`);
    if (method === "DELETE") await remove(member, id);
    else await update(member, id, await peerUrlsIn(request, unfinished));
    answerText(request, response, 204, "", undefined);
  } catch (error) {
    if (isEtcdError(error, "peerUrlExists")) {
      throw new V2Refusal(409, "membership: peerURL exists");
    }
    throw error;
  }
}

function read(member: V2Member, name: string, request: Request, response: Response): void {
  const members = member.members();
  if (name === "") {
    const body = `{"members":[${members.map(memberJson).join(",")}]}\n`;
    answerJson(request, response, 200, body);
    return;
  }
  if (name !== "leader") throw new V2Refusal(404, "Not found");
  const leader = members.find(({ ID }) => ID === member.leader());
  if (leader === undefined) throw new V2Refusal(503, "During election");
  answerJson(request, response, 200, `${memberJson(leader)}\n`);
}

async function remove(member: V2Member, id: MemberId): Promise<void> {
  if (member.isRemoved(id)) {
    throw new V2Refusal(410, `Member permanently removed: ${formatId(id)}`);
  }
  try {
    await member.reconfiguration.remove(id);
  } catch (error) {
    throw isEtcdError(error, "memberNotFound") ? unknownMember(id) : error;
  }
}

async function update(member: V2Member, id: MemberId, urls: readonly string[]): Promise<void> {
  try {
    await member.reconfiguration.update(id, urls);
  } catch (error) {
    throw isEtcdError(error, "memberNotFound") ? unknownMember(id) : error;
  }
}

function unknownMember(id: MemberId): V2Refusal {
  return new V2Refusal(404, `No such member: ${formatId(id)}`);
}

/** The peer URLs of a body, sorted. */
async function peerUrlsIn(request: Request, unfinished: UnfinishedBytes): Promise<string[]> {
  let type = request.headers["content-type"] ?? "";
  const semicolon = type.indexOf(";");
  if (semicolon >= 0) type = type.slice(0, semicolon).toLowerCase().trim();
  if (type !== "application/json") {
    throw new V2Refusal(415, `Bad Content-Type ${type}, accept application/json`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readBody(request, unfinished));
  } catch (error) {
    if (error instanceof V2Refusal) throw error;
    throw new V2Refusal(400, "the body is no JSON");
  }
  const { peerURLs = [] } = (parsed ?? {}) as { readonly peerURLs?: unknown };
  if (!Array.isArray(peerURLs) || peerURLs.some((url) => typeof url !== "string")) {
    throw new V2Refusal(400, "peerURLs is no list of texts");
  }
  if (peerURLs.length === 0) throw new V2Refusal(400, "no valid URLs given");
  const urls = peerURLs.map((url: string) => {
    const endpoint = parseEndpoint(url);
    if (typeof endpoint === "string") throw new V2Refusal(400, endpoint);
    return endpoint.text;
  });
  return urls.sort();
}
