// Runs in a pod: a DNS server over UDP for the SRV records of one domain, as somebody outside of Kubernetes has one.
// Each line of the file that it is given is a host; who asks for _etcd-server, under whatever domain, is answered all
// of them, with port 2380. There are no other names, and not that one while there are no hosts. The file is read for
// each question. Usage: node records.mts PORT FILE
import { createSocket } from "node:dgram";
import { readFileSync, writeFileSync } from "node:fs";

const [port = "", file = ""] = process.argv.slice(2);
const service = "_etcd-server";
const srv = 33;
const peerPort = 2380;

function hosts(): readonly string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((one) => one !== "");
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

/** An SRV record of the name that was asked for, which is where the question begins. */
function record(host: string): Buffer {
  const target = nameBytes(host);
  const head = Buffer.alloc(18);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(srv, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(target.length + 6, 10);
  head.writeUInt16BE(peerPort, 16);
  return Buffer.concat([head, target]);
}

writeFileSync(file, "");
const socket = createSocket("udp4");
socket.on("message", (query, from) => {
  let end = 12;
  while (end < query.length && query[end] !== 0) end += (query[end] ?? 0) + 1;
  const question = query.subarray(12, end + 5);
  const label = query.subarray(13, 13 + (query[12] ?? 0)).toString();
  const all = label.toLowerCase() === service ? hosts() : [];
  const isSrv = question.length > 4 && question.readUInt16BE(question.length - 4) === srv;
  const answers = isSrv ? all.map(record) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  // An answer with authority; recursion as it was asked for.
  head.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100) | (all.length === 0 ? 3 : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address);
});
socket.bind(Number(port));
process.on("SIGTERM", () => process.exit(0));
