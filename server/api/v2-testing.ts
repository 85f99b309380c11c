// A member for tests of the v2 API: its store alone, without a log, behind a server of Node's.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { ClusterId } from "#base/ids.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { V2Request } from "#proto/gen/extension.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { httpEndpoints } from "./http-endpoints.ts";
import { v2Endpoints } from "./v2-endpoints.ts";
import type { V2Member } from "./v2-member.ts";

const silent = { put: () => {}, delete: () => {} };

export class FakeV2Member implements V2Member {
  readonly clusterId = 0xabcn as ClusterId;
  readonly store = new V2Store();
  failure: Error | undefined;

  async write(request: V2Request) {
    if (this.failure !== undefined) throw this.failure;
    return this.store.apply(request, silent);
  }

  set(path: string, value: string): void {
    this.store.apply(V2Request.create({ method: "PUT", path, value }), silent);
  }

  linearize = () => undefined;
  wallMs = () => 1000;
  raftIndex = () => 7;
  raftTerm = () => 2;
  members = () => [];
  leader = () => 0n;
  isRemoved = () => false;
  isGuarded = () => this.guarded;
  guarded = false;
  readonly namesUsers = false;
  readonly reconfiguration = undefined as never;
  readonly stats = {
    self: () => "{}",
    leader: () => undefined,
    store: () => this.store.statsJson(),
  };
  /** No hash that is any good. */
  readonly passwords = {
    hash: async (password: string) => `hash of ${password}`,
    matches: async (password: string, hash: string) => hash === `hash of ${password}`,
  };
}

/** Serves a fake member by HTTP. */
export async function serveV2(t: TestContext, enabled = true) {
  const member = new FakeV2Member();
  const rest = { member: undefined as never, serverVersion: "", metrics: undefined as never };
  const handler = httpEndpoints({
    ...rest,
    ...(enabled
      ? {
          v2: v2Endpoints(member, {
            maxRequestBytes: 1000,
            unfinished: new UnfinishedBytes(1 << 20),
          }),
        }
      : {}),
  });
  const server: Server = createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { member, port, url: `http://127.0.0.1:${port}` };
}
