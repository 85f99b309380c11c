// Keep-alive of one HTTP/2 connection, both ways: clients that ping too often are cut off, as
// gRPC servers do, and connections that stay silent are pinged and closed if nobody answers.
import type { Buffer } from "node:buffer";
import { Buffer as NodeBuffer } from "node:buffer";
import { constants, type ServerHttp2Session } from "node:http2";
import type { Clock, Timer } from "#base/clock.ts";
import type { ConnectionLimits } from "./limits.ts";

const maxStrikes = 2;
const tooManyPings: Buffer = NodeBuffer.from("too_many_pings");

export class KeepaliveGuard {
  private readonly session: ServerHttp2Session;
  private readonly limits: ConnectionLimits;
  private readonly clock: Clock;
  private lastPingMs = Number.NEGATIVE_INFINITY;
  private bytesAtPing = 0;
  private strikes = 0;
  private bytesReadBefore = 0;
  private readonly interval: Timer;
  private timeout: Timer | undefined;

  constructor(session: ServerHttp2Session, limits: ConnectionLimits, clock: Clock) {
    this.session = session;
    this.limits = limits;
    this.clock = clock;
    session.on("ping", () => this.onPing());
    this.interval = clock.every(limits.keepaliveIntervalMs, () => this.onInterval());
  }

  stop(): void {
    this.interval.cancel();
    this.timeout?.cancel();
  }

  /** A ping counts against the client if it came too early and nothing was sent since the last. */
  private onPing(): void {
    const nowMs = this.clock.monotonicMs();
    const written = this.session.socket?.bytesWritten ?? 0;
    // The answer to a ping is itself 17 bytes.
    const sentData = written - this.bytesAtPing > 17 * 2;
    if (sentData) this.strikes = 0;
    else if (nowMs - this.lastPingMs < this.limits.keepaliveMinMs) this.strikes++;
    this.lastPingMs = nowMs;
    this.bytesAtPing = written;
    if (this.strikes <= maxStrikes) return;
    this.session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, tooManyPings);
    this.session.close();
    this.clock.after(1000, () => this.session.destroy());
  }

  private onInterval(): void {
    const read = this.session.socket?.bytesRead ?? 0;
    const active = read !== this.bytesReadBefore;
    this.bytesReadBefore = read;
    if (active || this.session.destroyed || this.timeout !== undefined) return;
    this.timeout = this.clock.after(this.limits.keepaliveTimeoutMs, () => this.session.destroy());
    this.session.ping(() => {
      this.timeout?.cancel();
      this.timeout = undefined;
    });
  }
}
