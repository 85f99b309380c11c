// The client: one object with a part for each service, over connections that they share.
import { AuthClient } from "#client/auth.ts";
import { ClusterClient } from "#client/cluster.ts";
import { KvClient } from "#client/kv.ts";
import { LeaseClient } from "#client/lease.ts";
import { MaintenanceClient } from "#client/maintenance.ts";
import type { CallOptions, ClientOptions } from "#client/options.ts";
import { PutLine } from "#client/put-line.ts";
import { rpc, Transport } from "#client/transport.ts";
import { WatchClient } from "#client/watch.ts";
import { isEtcdError } from "#proto/errors.ts";
import { AuthDefinition } from "#proto/gen/auth.ts";

const authenticateRpc = rpc(AuthDefinition, AuthDefinition.methods.authenticate, {
  repeatable: true,
});

/** See the head of the file. Connects on first use; `close` it when done. */
export class EtcdClient {
  readonly kv: KvClient;
  readonly watch: WatchClient;
  readonly lease: LeaseClient;
  readonly cluster: ClusterClient;
  readonly maintenance: MaintenanceClient;
  readonly auth: AuthClient;
  private readonly transport: Transport;

  /** Throws OperatingError for endpoints that cannot be read. */
  constructor(options: ClientOptions) {
    this.transport = new Transport(options);
    this.kv = new KvClient(this.transport);
    this.watch = new WatchClient(this.transport);
    this.lease = new LeaseClient(this.transport);
    this.cluster = new ClusterClient(this.transport);
    this.auth = new AuthClient(this.transport);
    this.maintenance = new MaintenanceClient(this.transport);
  }

  /**
   * Takes a token for this user and sends it with every call from now on; takes another when that one is
   * refused, and for each stream. A cluster without authentication has none to give, and needs none.
   */
  async authenticate(name: string, password: string, options?: CallOptions): Promise<void> {
    const logIn = async (limits?: CallOptions): Promise<void> => {
      try {
        const { token } = await this.transport.unary(authenticateRpc, { name, password }, limits);
        this.transport.token = token;
      } catch (thrown) {
        if (!isEtcdError(thrown, "authNotEnabled")) throw thrown;
        this.transport.token = undefined;
      }
    };
    await logIn(options);
    this.transport.logIn = logIn;
  }

  /**
   * A line of puts, for load: see PutLine. Connections that take longer than `connectMs` are done
   * without. Belongs to the caller, who closes it.
   */
  putLine(connectMs: number): Promise<PutLine> {
    return PutLine.open(this.transport, this.kv, connectMs);
  }

  /** Ends watches, keep-alives and connections; calls under way fail. */
  close(): void {
    this.watch.close();
    this.lease.close();
    this.transport.close();
  }
}
