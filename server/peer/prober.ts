// Asks a peer every few seconds whether it is there, how far away, and what time it has (facts: peer
// protocol §7). Nothing depends on the answers but logs and metrics.
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { openRequest, readBody } from "#server/peer/peer-http.ts";
import type { PeerUrls } from "#server/peer/peer-urls.ts";
import type { PeerTls } from "#server/peer/ports.ts";

const periodMs = 4000;
const driftLimitMs = 1000;
const answerLimit = 1024;

export interface ProberPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly urls: PeerUrls;
  readonly tls: PeerTls | undefined;
  readonly localAddress: string | undefined;
  readonly dialTimeoutMs: number;
  /** Called with each round trip that was answered, in seconds. */
  roundTrip(seconds: number): void;
}

export class Prober {
  private readonly peer: MemberId;
  private readonly ports: ProberPorts;
  private timer: Timer | undefined;
  private asking = false;
  private failing = false;
  private drifting = false;

  constructor(peer: MemberId, ports: ProberPorts) {
    this.peer = peer;
    this.ports = ports;
  }

  start(): void {
    this.timer ??= this.ports.clock.every(periodMs, () => {
      if (!this.asking) void this.ask();
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  private async ask(): Promise<void> {
    this.asking = true;
    const url = this.ports.urls.pick();
    const startedMs = this.ports.clock.monotonicMs();
    try {
      const remote = await this.remoteTime(url);
      const tookMs = this.ports.clock.monotonicMs() - startedMs;
      this.ports.roundTrip(tookMs / 1000);
      this.failing = false;
      this.compareClocks(remote, tookMs);
    } catch (error) {
      if (!this.failing) this.warn("the peer does not answer a probe", { error: errorText(error) });
      this.failing = true;
    } finally {
      this.asking = false;
    }
  }

  private async remoteTime(url: string): Promise<number> {
    const { tls, localAddress, dialTimeoutMs } = this.ports;
    const request = openRequest(url, {
      method: "GET",
      path: "/raft/probing",
      headers: {},
      agent: false,
      dialTimeoutMs,
      idleTimeoutMs: periodMs,
      tls,
      localAddress,
    });
    const answer = await new Promise<string>((resolve, reject) => {
      request.on("error", reject);
      request.once("response", (response) => {
        readBody(response, answerLimit).then((body) => resolve(body.toString()), reject);
      });
      request.end();
    });
    const parsed: unknown = JSON.parse(answer);
    const now = (parsed as { readonly Now?: unknown } | null)?.Now;
    return typeof now === "string" ? Date.parse(now) : Number.NaN;
  }

  private compareClocks(remoteMs: number, tookMs: number): void {
    if (Number.isNaN(remoteMs)) return;
    const driftMs = this.ports.clock.wallMs() - tookMs / 2 - remoteMs;
    const drifting = Math.abs(driftMs) > driftLimitMs;
    if (drifting && !this.drifting) {
      this.warn("the peer's clock differs: certificates and leases may suffer", {
        "clock-drift-ms": Math.round(driftMs),
      });
    }
    this.drifting = drifting;
  }

  private warn(message: string, fields: object): void {
    this.ports.log.warn({ "remote-peer-id": formatId(this.peer), ...fields }, message);
  }
}
