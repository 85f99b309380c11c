// The connections of one client: one grpc-js channel an endpoint, picked round robin among those that
// are connected. A call is only ever given a connected channel, so a call that found none was
// certainly not sent. Channels reconnect by themselves with back-off; `close` ends them all.
import {
  type Client as Channel,
  connectivityState,
  credentials,
  Client as GrpcClient,
} from "@grpc/grpc-js";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { type Endpoint, parseEndpoint } from "#client/endpoint.ts";
import { callCanceled, deadlineExceeded } from "#client/errors.ts";
import type { TlsOptions } from "#client/options.ts";

/** One endpoint and its channel. */
export interface Connection {
  readonly endpoint: Endpoint;
  readonly channel: Channel;
}

export interface ConnectionsSetup {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly keepAliveTimeMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly keepAliveIdle: boolean;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
}

/** When a wait ends without a connection: at a monotonic time, or by the caller's signal. */
export interface WaitLimits {
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const lookAgainMs = 60_000;
const reconnectBackoffMs = { initial: 100, max: 3_000 };

function openChannel(endpoint: Endpoint, setup: ConnectionsSetup): Channel {
  const { tls } = setup;
  const secrets = endpoint.secure
    ? credentials.createSsl(
        tls?.ca ?? null,
        tls?.key ?? null,
        tls?.cert ?? null,
        tls?.insecureSkipVerify === true ? { rejectUnauthorized: false } : {},
      )
    : credentials.createInsecure();
  return new GrpcClient(endpoint.address, secrets, {
    "grpc.keepalive_time_ms": setup.keepAliveTimeMs,
    "grpc.keepalive_timeout_ms": setup.keepAliveTimeoutMs,
    "grpc.keepalive_permit_without_calls": setup.keepAliveIdle ? 1 : 0,
    "grpc.max_send_message_length": setup.maxSendBytes,
    "grpc.max_receive_message_length": setup.maxReceiveBytes,
    "grpc.initial_reconnect_backoff_ms": reconnectBackoffMs.initial,
    "grpc.max_reconnect_backoff_ms": reconnectBackoffMs.max,
    // One TCP connection a client and endpoint, as in etcd's own client.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    ...(tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName }),
  });
}

/** See the head of the file. */
export class Connections {
  readonly all: readonly Connection[];
  private readonly clock: Clock;
  private readonly waiters = new Set<() => void>();
  private readonly watched = new Set<Connection>();
  private next = 0;
  private closed = false;

  constructor(setup: ConnectionsSetup) {
    if (setup.endpoints.length === 0) {
      throw new OperatingError("NO_ENDPOINTS", "etcdclient: no available endpoints");
    }
    this.clock = setup.clock;
    this.all = setup.endpoints.map((text) => {
      const endpoint = parseEndpoint(text, setup.tls !== undefined);
      return { endpoint, channel: openChannel(endpoint, setup) };
    });
  }

  /** A connected channel, another one each time; waits for one until the limits. */
  async pick(limits: WaitLimits): Promise<Connection> {
    for (;;) {
      const ready = this.ready();
      if (ready !== undefined) return ready;
      if (limits.signal?.aborted) throw callCanceled();
      await this.change(limits);
    }
  }

  /** The connection of one endpoint, by its text; undefined if it is not one of this client's. */
  of(endpoint: string): Connection | undefined {
    return this.all.find((connection) => connection.endpoint.text === endpoint);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const { channel } of this.all) channel.close();
    for (const wake of [...this.waiters]) wake();
  }

  private ready(): Connection | undefined {
    const { all } = this;
    for (let i = 0; i < all.length; i++) {
      const connection = all[(this.next + i) % all.length];
      if (connection === undefined || this.state(connection) !== connectivityState.READY) continue;
      this.next = (this.next + i + 1) % all.length;
      return connection;
    }
    return undefined;
  }

  /** Asking also makes an idle channel connect. */
  private state(connection: Connection): connectivityState {
    if (this.closed) throw new OperatingError("CLIENT_CLOSED", "the client is closed");
    return connection.channel.getChannel().getConnectivityState(true);
  }

  private change(limits: WaitLimits): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { deadlineMs } = limits;
    // A wait without limit looks again now and then; the timer also keeps the process alive, which
    // idle channels do not.
    const timer =
      deadlineMs === undefined
        ? this.clock.after(lookAgainMs, resolve)
        : this.clock.after(Math.max(0, deadlineMs - this.clock.monotonicMs()), () =>
            reject(deadlineExceeded()),
          );
    const onAbort = (): void => reject(callCanceled());
    limits.signal?.addEventListener("abort", onAbort, { once: true });
    this.waiters.add(resolve);
    this.watchAll();
    return promise.finally(() => {
      this.waiters.delete(resolve);
      timer.cancel();
      limits.signal?.removeEventListener("abort", onAbort);
    });
  }

  /** One state watch a channel, however many calls wait. */
  private watchAll(): void {
    for (const connection of this.all) {
      if (this.watched.has(connection)) continue;
      this.watched.add(connection);
      const channel = connection.channel.getChannel();
      const onChange = (): void => {
        this.watched.delete(connection);
        for (const wake of [...this.waiters]) wake();
      };
      channel.watchConnectivityState(this.state(connection), Number.POSITIVE_INFINITY, onChange);
    }
  }
}
