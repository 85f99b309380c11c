// A bound on HTTP/1.1 requests that one connection asks before it reads their answers. Node parses and
// hands out all that arrived: without this a client that never reads makes the server build answers,
// /metrics for one, until memory ends.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const maxUnanswered = 16;

/** The listener, but a connection with more than 16 unanswered requests is cut. */
export function boundPipelining(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): RequestListener {
  const unanswered = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > maxUnanswered) {
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once("close", () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    listener(request, response);
  };
}
