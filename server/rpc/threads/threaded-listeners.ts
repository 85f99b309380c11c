// Client listeners whose connections live on threads of their own: sockets, TLS, HTTP/2 and HPACK leave
// the core's thread; requests and answers cross in batches, one a turn. See docs/adr/0037.
import { Worker } from "node:worker_threads";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { type ConnectionGroup, GrpcServer } from "../grpc-server.ts";
import { Http1Server } from "../http1-server.ts";
import {
  type ClientListeners,
  type ListenerOptions,
  openPlaces,
  type PlaceOptions,
} from "../listeners.ts";
import { type Batch, ThreadChannel } from "./channel.ts";
import { RemoteConnections } from "./remote-connections.ts";
import type { ThreadCommand, ThreadNews, ThreadOrder } from "./serve-thread.ts";

/** How long the last bytes may take to leave. */
const lastWordsMs = 1000;

export interface ThreadedOptions extends Omit<ListenerOptions, "security"> {
  /** At least 1. */
  readonly threads: number;
  /** The module that calls `serveThread`. */
  readonly entry: URL;
  /** For it; must be something that can be cloned. */
  readonly data: unknown;
  /** A thread has ended by itself: a broken invariant, as an exception on this thread. */
  crashed(error: unknown): void;
}

export interface ThreadedListeners extends ClientListeners {
  /** Handshakes that failed since the start. */
  handshakeFailures(): number;
}

interface IoThread {
  readonly worker: Worker;
  readonly channel: ThreadChannel;
  readonly connections: RemoteConnections;
  readonly listening: Pick<ClientListeners, "addresses" | "places">;
  failures: number;
}

/** As startClientListeners; several threads share each TCP port by SO_REUSEPORT. */
export async function startThreadedListeners(options: ThreadedOptions): Promise<ThreadedListeners> {
  const grpc = new GrpcServer(options);
  const http1 = new Http1Server(options);
  const threads: IoThread[] = [];
  const groups: ConnectionGroup = {
    *streams() {
      for (const { connections } of threads) yield* connections.streams();
    },
    leave() {
      for (const { connections } of threads) connections.leave();
    },
    cut() {
      for (const { connections } of threads) connections.cut();
    },
    async empty() {
      await Promise.all(threads.map(({ connections }) => connections.empty()));
    },
  };
  const close = async (graceMs: number): Promise<void> => {
    await Promise.all([grpc.close(groups, graceMs), http1.close(graceMs)]);
    await Promise.all(threads.map((thread) => endThread(thread, options.clock)));
  };
  try {
    if (options.threads > 1 && options.reusePort !== true) await refuseTaken(options);
    for (let at = 0; at < options.threads; at++) {
      const urls =
        at === 0 ? options.urls : sharedUrls(options.urls, threads[0]!.listening.addresses);
      threads.push(await startThread(options, urls, { grpc, http1 }));
    }
  } catch (error) {
    await close(0);
    throw error;
  }
  return {
    ...threads[0]!.listening,
    open() {
      for (const { worker } of threads) worker.postMessage("open" satisfies ThreadCommand);
    },
    close,
    handshakeFailures: () => threads.reduce((sum, { failures }) => sum + failures, 0),
  };
}

/** A port that another process listens on, with SO_REUSEPORT as well, would be shared with it unseen. */
async function refuseTaken({ urls, limits, clock, log }: ThreadedOptions): Promise<void> {
  const nobody = { arrived() {}, http1() {}, http2() {}, async close() {} };
  const security: NonNullable<PlaceOptions["security"]> = {
    acceptor: () => (socket) => socket.destroy(),
  };
  const probe = await openPlaces({ urls, limits, clock, log, security }, nobody);
  await probe.close(0);
}

/** The first thread's places with the ports that it got; a Unix socket is the first thread's alone. */
function sharedUrls(urls: readonly string[], addresses: readonly string[]): readonly string[] {
  return urls.flatMap((url, at) => {
    const [scheme = "", asked = ""] = url.split("://");
    if (!/^https?$/.test(scheme)) return [];
    return [/:0$/.test(asked) ? `${scheme}://${addresses[at]!}` : url];
  });
}

async function endThread({ worker, channel, connections }: IoThread, clock: Clock): Promise<void> {
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  channel.flush();
  worker.postMessage("end" satisfies ThreadCommand);
  const late = clock.after(lastWordsMs, () => void worker.terminate());
  await exited;
  late.cancel();
  connections.gone();
}

async function startThread(
  options: ThreadedOptions,
  urls: readonly string[],
  served: { readonly grpc: GrpcServer; readonly http1: Http1Server },
): Promise<IoThread> {
  const { clock, log, limits, entry, data, serves, held } = options;
  const { unfinished: _, ...plainLimits } = limits;
  const order: ThreadOrder = {
    places: {
      urls,
      reusePort: options.reusePort === true || options.threads > 1,
      ...(serves === undefined ? {} : { serves }),
      ...(held === undefined ? {} : { held }),
    },
    limits: plainLimits,
    data,
  };
  const worker = new Worker(entry, { workerData: order });
  const tell = (command: ThreadCommand): void => worker.postMessage(command);
  const connections = new RemoteConnections(
    { ...served, clock, limits },
    { leave: () => tell("leave"), cut: () => tell("cut") },
  );
  const channel = new ThreadChannel(worker, connections);
  connections.join(channel);
  return await new Promise<IoThread>((resolve, reject) => {
    let thread: IoThread | undefined;
    worker.on("error", (error) => {
      if (thread === undefined) reject(error);
      else options.crashed(error);
    });
    worker.on("message", (message: Batch | ThreadNews) => {
      if ("records" in message) channel.receive(message);
      else if (message.news === "log") log[message.level](...message.line);
      else if (message.news === "listening") {
        const { addresses, places } = message;
        thread = { worker, channel, connections, listening: { addresses, places }, failures: 0 };
        resolve(thread);
      } else if (message.news === "handshakes failed") thread!.failures = message.count;
      else {
        void worker.terminate();
        reject(new OperatingError(message.code, message.message));
      }
    });
  });
}
