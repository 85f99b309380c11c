// A question that only the leader can answer, asked over the peer wire: each of its URLs in turn,
// again and again until the request timeout; an error of the protocol is final (facts: peer protocol
// §9, §10).
import type { Clock } from "#base/clock.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";

const pauseMs = 50;

export interface LeaderAddress {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  /** The leader's peer URLs, this member's own while it has yet to begin; empty if none is known. */
  leaderUrls(): readonly string[];
}

/** What `one` resolves with for some URL. Rejects with its first EtcdError, timeout or noLeader. */
export async function askLeader<T>(
  address: LeaderAddress,
  one: (url: string, timeoutMs: number) => Promise<T>,
): Promise<T> {
  const { clock, requestTimeoutMs } = address;
  const deadline = clock.monotonicMs() + requestTimeoutMs;
  for (;;) {
    for (const url of address.leaderUrls()) {
      const leftMs = deadline - clock.monotonicMs();
      if (leftMs <= 0) break;
      try {
        return await one(url, leftMs);
      } catch (error) {
        if (error instanceof EtcdError) throw error;
      }
    }
    if (clock.monotonicMs() + pauseMs >= deadline) {
      throw etcdError(address.leaderUrls().length === 0 ? "noLeader" : "timeout");
    }
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }
}
