// What a thread of connections does: listens, speaks TLS and HTTP/2 with clients, and relays their
// requests to the core.
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { Http2Connections } from "../http2-connections.ts";
import type { ConnectionLimits } from "../limits.ts";
import { type ClientListeners, openPlaces, type PlaceOptions } from "../listeners.ts";
import { type Batch, ThreadChannel } from "./channel.ts";
import { ConnectionRelay } from "./relay.ts";

/** What a thread is started with; cloned on its way. */
export interface ThreadOrder {
  readonly places: Pick<PlaceOptions, "urls" | "serves" | "reusePort" | "held">;
  readonly limits: Omit<ConnectionLimits, "unfinished">;
  /** Of the program that starts it: what it needs to open TLS, for one. */
  readonly data: unknown;
}

/** From the core, besides batches of records. */
export type ThreadCommand =
  | "open"
  /** No new connections, no new requests. */
  | "leave"
  /** Connections of HTTP/2 end now. */
  | "cut"
  /** All connections end behind what was written on them, and then the thread. */
  | "end";

/** To the core, besides batches of records. */
export type ThreadNews =
  | {
      readonly news: "listening";
      readonly addresses: ClientListeners["addresses"];
      readonly places: ClientListeners["places"];
    }
  | { readonly news: "failed"; readonly code: string; readonly message: string }
  | { readonly news: "log"; readonly level: LogLevel; readonly line: LogLine }
  /** So many since the start. */
  | { readonly news: "handshakes failed"; readonly count: number };

export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";
export type LogLine = readonly [fields: object, message: string];

export interface ThreadPorts {
  readonly port: MessagePort;
  readonly clock: Clock;
  /** For https and unixs URLs; may reject with OperatingError. */
  openSecurity(log: Log): Promise<OpenSecurity | undefined>;
}

export interface OpenSecurity {
  readonly security: NonNullable<PlaceOptions["security"]>;
  /** Handshakes that failed since the start. */
  failures(): number;
}

const failuresMs = 1000;

/** Listens, or tells the core why not; serves until it is told to cut. */
export async function serveThread(order: ThreadOrder, ports: ThreadPorts): Promise<void> {
  const { port, clock } = ports;
  const tell = (news: ThreadNews): void => port.postMessage(news);
  const log = logTo(tell, {});
  const limits: ConnectionLimits = {
    ...order.limits,
    // Nothing is put together here.
    unfinished: new UnfinishedBytes(Number.POSITIVE_INFINITY),
  };
  const relay = new ConnectionRelay();
  const channel = new ThreadChannel(port, relay);
  relay.join(channel);
  const connections = new Http2Connections(limits, clock, relay);
  let listeners: ClientListeners | undefined;
  const ending = Promise.withResolvers<void>();
  port.on("message", (message: Batch | ThreadCommand) => {
    if (typeof message === "object") channel.receive(message);
    else if (message === "open") listeners?.open();
    else if (message === "leave") void listeners?.close(0);
    else if (message === "cut") connections.cut();
    else {
      connections.cut();
      void relay.end().then(ending.resolve);
    }
  });
  try {
    const open = await ports.openSecurity(log);
    listeners = await openPlaces(
      {
        ...order.places,
        limits,
        clock,
        log,
        ...(open === undefined ? {} : { security: open.security }),
      },
      {
        arrived: () => connections.arrivals.came(),
        http2: (stream, commonName) => relay.serving(connections.serve(stream, commonName)),
        http1: (stream) => relay.whole(stream),
        // The core ends the calls, and then the thread.
        async close() {
          if (listeners === undefined) return;
          connections.leave();
          await Promise.all([connections.empty(), ending.promise]);
        },
      },
    );
    const { addresses, places } = listeners;
    tell({ news: "listening", addresses, places });
    if (open !== undefined) tellFailures(open, clock, tell);
    await ending.promise;
    await listeners.close(0);
    process.exit();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    tell({ news: "failed", code: error.code, message: error.message });
  }
}

function tellFailures(open: OpenSecurity, clock: Clock, tell: (news: ThreadNews) => void): void {
  let told = 0;
  clock.every(failuresMs, () => {
    const count = open.failures();
    if (count === told) return;
    told = count;
    tell({ news: "handshakes failed", count });
  });
}

/** Lines for the core's log. */
function logTo(tell: (news: ThreadNews) => void, bound: object): Log {
  const line =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      tell({ news: "log", level, line: [{ ...bound, ...fields }, message] });
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    fatal: line("fatal"),
    child: (fields) => logTo(tell, { ...bound, ...fields }),
  };
}
