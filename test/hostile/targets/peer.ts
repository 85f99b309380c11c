// The peer port of a member, and what it dials: raft messages, streams, states and questions, right and
// bent, from a learner that it knows and from strangers; and that learner's own port, which answers
// the member's streams and questions with whatever. Messages that only a leader's forger would send
// are believed (docs/security.md): here they stay small enough to leave the member able to go on.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Random, seededRandom } from "#base/random.ts";
import { Message } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { AppendEncoder, writeMessageFrame } from "#server/peer/framing.ts";
import { bend, pick, someBytes, someText } from "../generate.ts";
import { exchange, type RequestParts, someRequest, statusOf } from "../raw-http.ts";
import { Renewed, ServedMember } from "../served-member.ts";
import { Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { someEntries, someMessage } from "./raft.ts";

const memberLife = 400;

interface Ids {
  readonly cluster: bigint;
  readonly member: bigint;
  readonly learner: bigint;
}

const hex = (id: bigint): string => id.toString(16);

/** A message that names both as the member knows them, mostly. */
function addressed(random: Random, ids: Ids): Message {
  const message = someMessage(random);
  if (random.chance(0.9)) message.to = ids.member;
  if (random.chance(0.7)) message.from = ids.learner;
  return message;
}

function frames(random: Random, ids: Ids, kind: "message" | "msgapp"): Buffer {
  const writer = new BinaryWriter();
  const encoder = new AppendEncoder();
  let index = random.below(10);
  for (let left = random.below(8); left > 0; left--) {
    const message = addressed(random, ids);
    if (kind === "message") writeMessageFrame(writer, message);
    else if (random.chance(0.2)) encoder.heartbeat(writer);
    else {
      const entries = someEntries(random, index, 2);
      encoder.write(writer, { ...message, term: 2, logTerm: 2, index, entries });
      index += entries.length;
    }
  }
  const bytes = Buffer.from(writer.finish());
  return random.chance(0.5) ? Buffer.from(bend(bytes, random)) : bytes;
}

/** The port of a learner that answers as the seed of its round has it. */
class HostileLearner implements AsyncDisposable {
  ids: Ids | undefined;
  random: Random = seededRandom(0);
  asked = 0;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      this.asked++;
      request.on("error", () => {}).resume();
      response.on("error", () => {});
      this.answer(request.url ?? "/", response);
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private answer(path: string, response: ServerResponse): void {
    const { ids, random } = this;
    if (ids === undefined || random.chance(0.1)) {
      response.destroy();
      return;
    }
    // Not 403 and 410: whoever is told that it was removed has to stop.
    const status = random.chance(0.8) ? 200 : pick(random, [204, 301, 400, 404, 412, 500, 503]);
    const headers: Record<string, string> = {
      "X-Server-Version": random.chance(0.9) ? "3.7.3" : pick(random, ["", "x", "99.0.0"]),
      "X-Etcd-Cluster-Id": random.chance(0.9) ? hex(ids.cluster) : pick(random, ["0", "zz"]),
    };
    response.writeHead(status, headers);
    if (path.startsWith("/raft/stream/")) {
      const kind = path.includes("msgapp") ? "msgapp" : "message";
      response.write(frames(random, ids, kind));
      if (random.chance(0.5)) response.end();
      return;
    }
    const bodies = ['{"etcdserver":"3.7.3","etcdcluster":"3.7.0"}', "[]", "{", "null", "true", "1"];
    bodies.push('{"etcdserver":1}', '{"OK":true,"Now":"x"}', '[{"id":1}]', someText(random));
    response.end(random.chance(0.02) ? Buffer.alloc(3 << 20, "x") : pick(random, bodies));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
  }
}

interface Opened extends AsyncDisposable {
  readonly served: ServedMember;
  readonly learner: HostileLearner;
  readonly ids: Ids;
}

async function post(url: string, path: string, body: object): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(40_000);
  const sent = { method: "POST", body: JSON.stringify(body), signal };
  return (await (await fetch(url + path, sent)).json()) as Record<string, unknown>;
}

async function open(): Promise<Opened> {
  const served = await ServedMember.start();
  const learner = new HostileLearner();
  const url = served.member.clientUrl;
  const asked = { peerURLs: [await learner.listen()], isLearner: true };
  const answer = await post(url, "/v3/cluster/member/add", asked);
  const header = answer["header"] as { readonly cluster_id: string; readonly member_id: string };
  const ids = {
    cluster: BigInt(header.cluster_id),
    member: BigInt(header.member_id),
    learner: BigInt((answer["member"] as { readonly ID: string }).ID),
  };
  learner.ids = ids;
  return {
    ...{ served, learner, ids },
    async [Symbol.asyncDispose]() {
      await learner[Symbol.asyncDispose]();
      await served[Symbol.asyncDispose]();
    },
  };
}

function peerRequest(random: Random, ids: Ids): RequestParts {
  const from = random.chance(0.7) ? ids.learner : BigInt(random.below(400));
  const odd = (value: string): string =>
    random.chance(0.95) ? value : pick(random, ["", "x", "-1", "99.99.99", "ffffffffffffffffff"]);
  const headers = [
    `X-Etcd-Cluster-ID: ${odd(hex(ids.cluster))}`,
    `X-Server-From: ${odd(hex(from))}`,
    `X-Server-Version: ${odd("3.7.3")}`,
    `X-Min-Cluster-Version: ${odd("3.0.0")}`,
    `X-PeerURLs: ${pick(random, ["http://127.0.0.1:1", "x", "unix://x", "http://h,http://i", ""])}`,
    `X-Raft-To: ${odd(hex(ids.member))}`,
    `X-Etcd-Ts-Capabilities: ${pick(random, ["v2", "", "a,b,c", "v2,".repeat(50)])}`,
  ];
  const json = pick(random, [
    '{"revision":0}',
    '{"revision":-1}',
    '{"revision":1e99}',
    "{",
    "null",
  ]);
  switch (random.below(8)) {
    case 0:
    case 1: {
      let body: Buffer = Buffer.from(Message.encode(addressed(random, ids)).finish());
      if (random.chance(0.3)) body = Buffer.from(bend(body, random));
      return { method: "POST", path: "/raft", headers, body };
    }
    case 2: {
      const writer = new BinaryWriter();
      writeMessageFrame(writer, addressed(random, ids));
      const body = Buffer.concat([writer.finish(), someBytes(random, 9000)]);
      return { method: "POST", path: "/raft/snapshot", headers, body };
    }
    case 3: {
      const path = `/raft/stream/${pick(random, ["message", "msgapp", "x"])}/${odd(hex(from))}`;
      return { method: "GET", path, headers, body: Buffer.alloc(0) };
    }
    case 4:
      return { method: "GET", path: "/members/hashkv", headers, body: Buffer.from(json) };
    case 5: {
      const path = pick(random, ["/leases", "/leases/internal"]);
      return { method: "POST", path, headers, body: someBytes(random, 60) };
    }
    case 6: {
      const id = pick(random, ["1", "x", String(ids.learner), "-1", "1".repeat(99)]);
      return { method: "POST", path: `/members/promote/${id}`, headers, body: Buffer.alloc(0) };
    }
    default: {
      const path = pick(random, [
        "/members",
        "/version",
        "/raft/probing",
        "/downgrade/enabled",
        "/x",
      ]);
      return { method: pick(random, ["GET", "POST", "PUT"]), path, headers, body: Buffer.alloc(0) };
    }
  }
}

class PeerRounds implements Rounds {
  private readonly members = new Renewed(open, memberLife);
  private opened: Opened | undefined;

  async play(random: Random, tally: Tally): Promise<void> {
    const opened = await this.members.get();
    this.opened = opened;
    const { ids, learner, served } = opened;
    learner.random = random;
    const { clientUrl, peerUrl } = served.member;
    const asked = Array.from({ length: 1 + random.below(10) }, () =>
      someRequest(random, peerRequest(random, ids)),
    );
    const answers = await Promise.all(asked.map((parts) => exchange(peerUrl, parts)));
    for (const answer of answers) {
      const status = statusOf(answer);
      tally.add("requests");
      tally.add(status >= 400 ? "refused" : status === 0 ? "silence" : "served");
      tally.add(`status ${status}`);
    }
    served.assertSound();
    const range = { key: "YQ==", serializable: true };
    if ((await post(clientUrl, "/v3/kv/range", range))["header"] === undefined)
      throw new Finding("the member does not answer a serializable range");
    if (random.chance(0.1)) await this.writes(clientUrl, tally);
    tally.add("asked by the member", learner.asked);
    learner.asked = 0;
    served.assertSound();
  }

  /** A forged message may depose it; then it elects itself again, for nobody else has a vote. */
  private async writes(url: string, tally: Tally): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      if ("header" in (await post(url, "/v3/kv/put", { key: "YQ==", value: "YQ==" }))) {
        tally.add("written");
        return;
      }
    }
    throw new Finding("the member cannot write any more");
  }

  heldBytes(): number {
    return this.opened?.served.heldBytes() ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.members[Symbol.asyncDispose]();
  }
}

export const peerTarget: Target = {
  name: "peer",
  about: "the peer port of a member, and a hostile learner that it dials",
  rounds: 0,
  open: async () => new PeerRounds(),
};
