// A thread of client connections, as `--io-threads` starts them: what it needs besides rpc/threads is TLS
// of the client port, opened from the member's own configuration.
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "#base/system-clock.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { serveThread, type ThreadOrder } from "#server/rpc/threads/serve-thread.ts";
import { openClientTls, systemHostLookup } from "#server/tls/open.ts";

const order = workerData as ThreadOrder & { readonly data: ServerConfig };

await serveThread(order, {
  port: parentPort!,
  clock: systemClock,
  async openSecurity(log) {
    const port = await openClientTls(order.data, {
      clock: systemClock,
      log,
      lookup: systemHostLookup,
    });
    const security = port?.security;
    return security === undefined ? undefined : { security, failures: () => security.failures };
  },
});
