// gRPC's interoperability cases: clients of gRPC for Go and of grpc-js against our server, in plain
// and over TLS.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import { TlsSecurity } from "#server/rpc/tls.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { cases, interopClient } from "./interop-js.ts";
import { outsideOrSkip, runOutside } from "./outside.ts";
import { startTestServer, type TestServer } from "./test-service.ts";

const authority = await TestAuthority.create("root");
const serverKey = await authority.issue("server");

function security(): TlsSecurity {
  return new TlsSecurity({
    material: serverKey,
    clientCertificates: "off",
    minVersion: "TLSv1.2",
    handshakeMs: 10_000,
    maxHandshakes: 100,
    log: silentLog,
  });
}

/** Cases that gRPC for Go's client has. */
const goCases = Object.keys(cases).filter((name) => name !== "client_compressed_unary");

/** How a case ends on the server: its client alone cannot tell. */
const endings: Readonly<Record<string, readonly [method: string, code: GrpcCode]>> = {
  large_unary: ["UnaryCall", grpcCode.ok],
  client_streaming: ["StreamingInputCall", grpcCode.ok],
  ping_pong: ["FullDuplexCall", grpcCode.ok],
  cancel_after_first_response: ["FullDuplexCall", grpcCode.canceled],
  special_status_message: ["UnaryCall", grpcCode.unknown],
};

/** A server that never sees it keeps the test waiting until its limit. */
async function awaitEnding(server: TestServer, name: string): Promise<void> {
  const ending = endings[name];
  if (ending !== undefined) await server.ended(...ending);
}

for (const secure of [false, true]) {
  const where = secure ? "over TLS" : "in plain";

  test(`interoperability ${where}: grpc-js`, async (t) => {
    for (const [name, run] of Object.entries(cases)) {
      await t.test(name, { timeout: 20_000 }, async () => {
        await using server = await startTestServer(secure ? security() : undefined);
        const client = interopClient(name, server.port, secure ? authority.cert : undefined);
        try {
          await run(client);
        } finally {
          client.close();
        }
        // node ends its side of a stream before it resets it: the server may have answered by then.
        if (!name.startsWith("cancel")) await awaitEnding(server, name);
      });
    }
  });

  test(`interoperability ${where}: gRPC for Go`, async (t) => {
    const outside = await outsideOrSkip(t);
    if (outside === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-interop-"));
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, authority.cert);
    const tls = secure ? ["--use_tls", "--use_test_ca", `--ca_file=${caFile}`] : [];
    try {
      for (const name of goCases) {
        await t.test(name, { timeout: 20_000 }, async () => {
          await using server = await startTestServer(secure ? security() : undefined);
          const target = ["--server_host=127.0.0.1", `--server_port=${server.port}`];
          const flags = [...target, ...tls, `--test_case=${name}`];
          const { code, text } = await runOutside(outside.grpcInterop, flags);
          assert.equal(code, 0, text);
          assert.equal(/ERROR|FATAL/.exec(text), null, text);
          await awaitEnding(server, name);
        });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
