// Listens on the peer URLs: HTTP/1.1, nothing else.
import { createServer, type RequestListener, type Server } from "node:http";
import { errorText, OperatingError } from "#base/errors.ts";
import { systemCode } from "#server/backend/folder.ts";
import type { Endpoint } from "#server/config/urls.ts";
import { peerServerOptions } from "#server/peer/peer-server.ts";
import { boundPipelining } from "#server/rpc/pipelining.ts";

/** The open listeners; close ends them and all their connections. */
export interface PeerListeners {
  close(): Promise<void>;
}

/** Listens on all URLs or on none. Rejects with OperatingError naming the URL. */
export async function startPeerListeners(
  urls: readonly Endpoint[],
  handler: RequestListener,
  reusePort: boolean,
): Promise<PeerListeners> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map((server) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        return closed;
      }),
    );
  };
  try {
    for (const url of urls) {
      const server = createServer(peerServerOptions, boundPipelining(handler));
      await listen(server, url, reusePort);
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function listen(server: Server, url: Endpoint, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const code = systemCode(error) ?? "LISTEN_FAILED";
      const text = code === "EADDRINUSE" ? "the address is already in use" : errorText(error);
      const message = `cannot listen for peers on ${url.text}: ${text}; change --listen-peer-urls or free it`;
      reject(new OperatingError(code, message, { cause: error }));
    });
    const host = url.host === "" ? {} : { host: url.host };
    server.listen({ port: url.port, ...host, reusePort }, () => resolve());
  });
}
