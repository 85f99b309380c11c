import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createPlain } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { test } from "node:test";
import { createServer } from "node:tls";
import { askPeerPort } from "#operator/platform/kubernetes/peer-port.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";

const authority = await TestAuthority.create("members");
const stranger = await TestAuthority.create("others");
const name = "a-1.a-peers.ns.svc.cluster.local";
const own = await authority.issue("a-1", { hosts: [name] });

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a peer port is asked as the other members will ask it", async () => {
  const ca = authority.cert;
  const material = { ca, ...own };
  // It refuses whoever is no member only after the handshake: the operator never is one.
  const server = createServer({ ...own, ca, requestCert: true }, (socket) => socket.destroy());
  server.on("tlsClientError", () => {});
  const plain = createPlain((request, response) => {
    response.statusCode = request.url === "/version" ? 200 : 404;
    response.end();
  });
  const [secure, bare] = await Promise.all([portOf(server), portOf(plain)]);
  const serversOnly = await authority.issue("a-1", { hosts: [name], serversOnly: true });
  const table = [
    ["as it should be", secure, "https", name, material, undefined],
    ["plain text", bare, "http", name, undefined, undefined],
    ["another name", secure, "https", "a-2.a-peers", material, "does not match"],
    ["another CA", secure, "https", name, { ...material, ca: stranger.cert }, "certificate"],
    ["nothing to show yet", secure, "https", name, undefined, "not there yet"],
    ["for servers only", secure, "https", name, { ca, ...serversOnly }, "for servers only"],
    ["TLS where there is none", bare, "https", name, material, ""],
    ["nobody there", 1, "http", name, undefined, "ECONNREFUSED"],
  ] as const;
  try {
    for (const [what, port, scheme, host, shown, want] of table) {
      const is = await askPeerPort({ address: "127.0.0.1", port, name: host }, scheme, shown);
      assert.equal(is.kind, want === undefined ? "served" : "failed", what);
      if (is.kind === "failed") assert(is.message.includes(want ?? ""), `${what}: ${is.message}`);
    }
  } finally {
    server.close();
    plain.close();
  }
});
