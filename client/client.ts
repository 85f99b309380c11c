// The client: one object with a part for each service, over connections that they share.
import { ClusterClient } from "#client/cluster.ts";
import { KvClient } from "#client/kv.ts";
import { LeaseClient } from "#client/lease.ts";
import { MaintenanceClient } from "#client/maintenance.ts";
import type { ClientOptions } from "#client/options.ts";
import { Transport } from "#client/transport.ts";
import { WatchClient } from "#client/watch.ts";

/** See the head of the file. Connects on first use; `close` it when done. */
export class EtcdClient {
  readonly kv: KvClient;
  readonly watch: WatchClient;
  readonly lease: LeaseClient;
  readonly cluster: ClusterClient;
  readonly maintenance: MaintenanceClient;
  private readonly transport: Transport;

  /** Throws OperatingError for endpoints that cannot be read. */
  constructor(options: ClientOptions) {
    this.transport = new Transport(options);
    this.kv = new KvClient(this.transport);
    this.watch = new WatchClient(this.transport);
    this.lease = new LeaseClient(this.transport);
    this.cluster = new ClusterClient(this.transport);
    this.maintenance = new MaintenanceClient(this.transport);
  }

  /** Ends watches, keep-alives and connections; calls under way fail. */
  close(): void {
    this.watch.close();
    this.lease.close();
    this.transport.close();
  }
}
