// How a client is set up. Files are read and time is taken elsewhere: certificates come as PEM bytes,
// the clock and the randomness are passed in.
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";

/** PEM bytes; what is missing is taken from the machine's defaults. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** The name to expect in the server's certificate instead of the endpoint's host. */
  readonly serverName?: string;
  /** Accept any server certificate: for tests only. */
  readonly insecureSkipVerify?: boolean;
}

export interface ClientOptions {
  /** `http://host:port`, `https://host:port` or `host:port`; at least one. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly tls?: TlsOptions;
  /** The default deadline of a unary call, milliseconds; none if not given. */
  readonly callTimeoutMs?: number;
  /** HTTP/2 keep-alive: a ping after so much silence (10 s at least, off if not given), dead without an answer in so much. */
  readonly keepAliveTimeMs?: number;
  readonly keepAliveTimeoutMs?: number;
  /** Ping connections without a call as well. */
  readonly keepAliveIdle?: boolean;
  /** Largest request, bytes; 2 MiB if not given. */
  readonly maxSendBytes?: number;
  /** Largest answer, bytes; 2^31 − 1 if not given. */
  readonly maxReceiveBytes?: number;
  /** A token of the auth service, sent with every call. */
  readonly token?: string;
}

/** What one call may be given. */
export interface CallOptions {
  /** Deadline from now, milliseconds; the client's `callTimeoutMs` if not given, none if infinite. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sent with the call, besides the client's own; a token here goes before the client's. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How long the call may wait for a connection before it fails as Unavailable, ms; as long as it may take if not given. */
  readonly connectMs?: number | undefined;
}
