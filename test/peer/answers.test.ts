// The same requests to the peer URL of a reference member and to ours: status, body and the headers
// that matter must be the same, except where an answer tells times or hashes.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { formatId } from "#base/ids.ts";
import { LeaseKeepAliveRequest } from "#proto/gen/lease.ts";
import { LeaseInternalRequest } from "#proto/gen/leasestate.ts";
import { Message, MessageType } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { writeMessageFrame } from "#server/peer/framing.ts";
import { startOwnMember } from "#test/peer/own-member.ts";
import { referencePair } from "#test/peer/reference-pair.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const compared = ["content-type", "allow", "x-content-type-options", "x-etcd-cluster-id"];
const compareOnStreams = ["x-server-version"];

function ask(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = { "Content-Length": String(body.length) };
    const options = { method, headers: { ...length, ...headers }, agent: false } as const;
    const request = httpRequest(`${url}${path}`, options, (response) => {
      let text = "";
      const finish = (): void => {
        const names = path.startsWith("/raft/stream")
          ? [...compared, ...compareOnStreams]
          : compared;
        const picked = names.map((name) => [name, response.headers[name] as string | undefined]);
        resolve({
          status: response.statusCode ?? 0,
          body: text,
          headers: Object.fromEntries(picked),
        });
      };
      // The reference tears the connection down after some of its answers.
      response.on("error", finish);
      response.setEncoding("latin1").on("data", (part: string) => {
        text += part;
        // The reference never ends such an answer; the connection stands idle until it times out.
        if (response.statusCode !== 500) return;
        finish();
        request.destroy();
      });
      response.on("end", finish);
    });
    request.on("error", reject);
    request.end(body);
  });
}

const envelope = (message: Message): Buffer => {
  const writer = new BinaryWriter();
  writeMessageFrame(writer, message);
  return writer.finish();
};

test("our peer URL answers as the reference's does", { timeout: 60_000 }, async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const pair = await referencePair(reference);
  t.after(() => pair.stop());
  pair.start(0);
  pair.start(1);
  await pair.ctl("put", "k", "v");
  const own = await startOwnMember(pair, { step() {} });
  t.after(() => own.stop());

  const raft = {
    "X-Etcd-Cluster-ID": formatId(pair.cluster.clusterId),
    "X-Server-From": "abc",
    "X-Server-Version": "3.7.0",
    "X-Min-Cluster-Version": "3.0.0",
  };
  const known = formatId(pair.others[1]!.id);
  const misdirected = Message.encode(
    Message.create({ type: MessageType.MsgHeartbeat, to: 5n, from: 6n, term: 1 }),
  ).finish();
  const nothing = Buffer.alloc(0);
  const wrongType = envelope(Message.create({ type: MessageType.MsgVote, to: 1n }));
  const lease = LeaseKeepAliveRequest.encode({ ID: 77n }).finish();
  const internal = LeaseInternalRequest.encode({
    LeaseTimeToLiveRequest: { ID: 77n, keys: false },
  }).finish();
  type Row = readonly [string, string, Readonly<Record<string, string>>, Uint8Array];
  const rows: readonly Row[] = [
    ["GET", "/", {}, nothing],
    ["GET", "/v2/keys", {}, nothing],
    ["GET", "/members/", {}, nothing],
    ["GET", "/raft/", {}, nothing],
    ["GET", "/raft/stream/", raft, nothing],
    ["GET", "/raft/snapshot/", raft, nothing],
    ["GET", "/raft/probing/", {}, nothing],
    ["DELETE", "/members", {}, nothing],
    ["PUT", "/version", {}, nothing],
    ["POST", "/version", {}, nothing],
    ["POST", "/downgrade/enabled", {}, nothing],
    ["GET", "/members/promote/7", {}, nothing],
    ["POST", "/members/promote/", {}, nothing],
    ["POST", "/members/promote/ff", {}, nothing],
    ["POST", "/members/promote/18446744073709551616", {}, nothing],
    ["POST", "/members/hashkv", {}, nothing],
    ["GET", "/members/hashkv", {}, nothing],
    ["GET", "/members/hashkv", {}, Buffer.from("[]")],
    ["GET", "/members/hashkv", { "X-Etcd-Cluster-ID": "1" }, Buffer.from("{}")],
    ["GET", "/leases", {}, nothing],
    ["GET", "/leases/internal", {}, nothing],
    ["POST", "/leases", {}, Buffer.from("\x08")],
    ["POST", "/leases/internal", {}, Buffer.from("\x08")],
    ["POST", "/leases", {}, Buffer.alloc(70_000)],
    ["GET", "/raft", raft, nothing],
    ["POST", "/raft", {}, nothing],
    ["POST", "/raft", { ...raft, "X-Server-Version": "2.3.0" }, nothing],
    ["POST", "/raft", { ...raft, "X-Server-Version": "3.1.0" }, Buffer.from("\x08")],
    ["POST", "/raft", { ...raft, "X-Min-Cluster-Version": "3.8.0" }, nothing],
    ["POST", "/raft", { ...raft, "X-Min-Cluster-Version": "3.7.9" }, Buffer.from("\x08")],
    ["POST", "/raft", { ...raft, "X-Etcd-Cluster-ID": "1" }, nothing],
    ["POST", "/raft", raft, Buffer.from("\x08")],
    ["POST", "/raft", raft, misdirected],
    ["GET", "/raft/snapshot", raft, nothing],
    ["POST", "/raft/snapshot", {}, nothing],
    ["POST", "/raft/snapshot", raft, wrongType],
    ["POST", "/raft/snapshot", raft, Buffer.from("0000000004000001", "hex")],
    ["POST", "/raft/stream/message/1", raft, nothing],
    ["GET", "/raft/stream/message/1", {}, nothing],
    ["GET", "/raft/stream/other/1", raft, nothing],
    ["GET", "/raft/stream/msgapp/xyz", raft, nothing],
    ["GET", "/raft/stream/msgapp/abc", raft, nothing],
    ["GET", `/raft/stream/msgapp/${known}`, { ...raft, "X-Raft-To": "1" }, nothing],
    ["GET", `/raft/stream/msgapp/${known}`, raft, nothing],
  ];
  const differing: string[] = [];
  for (const [method, path, headers, body] of rows) {
    const [theirs, ours] = await Promise.all([
      ask(pair.others[0]!.peerUrls[0]!, method, path, headers, body),
      ask(pair.own.peerUrls[0]!, method, path, headers, body),
    ]);
    try {
      assert.deepEqual(ours, theirs);
    } catch {
      const shown = (answer: Answer): string => JSON.stringify(answer);
      differing.push(
        `${method} ${path} ${JSON.stringify(headers)}\n  reference ${shown(theirs)}\n  ours      ${shown(ours)}`,
      );
    }
  }
  void lease;
  void internal;
  assert.equal(differing.length, 0, `\n${differing.join("\n")}`);
});
