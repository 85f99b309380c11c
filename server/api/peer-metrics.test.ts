import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import type { MemberId } from "#base/ids.ts";
import { PeerMetrics } from "#server/api/peer-metrics.ts";

const zero = {
  sentBytes: 0,
  receivedBytes: 0,
  sentFailures: 0,
  receivedFailures: 0,
  disconnects: 0,
};

test("each peer's counts appear under its ID, and go with it", async () => {
  const registry = new Registry();
  const peers = new PeerMetrics(registry, 0xabn as MemberId);
  const [one, two] = [0x1cn, 0x2n] as MemberId[];
  const sample = { ...zero, id: one!, isActive: true, sentBytes: 7, receivedBytes: 9 };
  const gone = { ...zero, id: two!, isActive: false, disconnects: 3 };
  const lines = async (): Promise<ReadonlySet<string>> =>
    new Set((await registry.metrics()).split("\n"));
  for (let scrape = 0; scrape < 2; scrape++) {
    peers.refresh([sample, gone]);
    const shown = await lines();
    for (const line of [
      'etcd_network_peer_sent_bytes_total{To="1c"} 7',
      'etcd_network_peer_received_bytes_total{From="1c"} 9',
      'etcd_network_disconnected_peers_total{Local="ab",Remote="2"} 3',
      'etcd_network_known_peers{Local="ab",Remote="2"} 1',
      'etcd_network_active_peers{Local="ab",Remote="1c"} 1',
      'etcd_network_active_peers{Local="ab",Remote="2"} 0',
    ]) {
      assert(shown.has(line), `scrape ${scrape} lacks ${line}`);
    }
  }
  peers.refresh([sample]);
  assert.doesNotMatch([...(await lines())].join("\n"), /"2"/);
});

test("round trips are counted by peer", async () => {
  const registry = new Registry();
  const peers = new PeerMetrics(registry, 1n as MemberId);
  peers.roundTrip(2n as MemberId, 0.0003);
  assert.match(
    await registry.metrics(),
    /^etcd_network_peer_round_trip_time_seconds_bucket\{le="0.0004",To="2"\} 1$/m,
  );
});
