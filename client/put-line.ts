// Puts one after the other, each as soon as the one before is answered: what a client of a load
// generator does. They go over lean connections, one an endpoint, in turn. What is out of the ordinary
// (no connection, one that broke, a token that is no longer good, a large value) is left to the
// client's own calls, which reconnect and log in anew.
import { type Bytes, bytesOf, type KvClient, putRpc } from "#client/kv.ts";
import type { LeanConnection } from "#client/lean-connection.ts";
import { isStaleToken, type Transport } from "#client/transport.ts";
import { EtcdError } from "#proto/errors.ts";
import { PutRequest } from "#proto/gen/kv.ts";

/** See the head of the file. */
export class PutLine {
  private readonly kv: KvClient;
  private connections: readonly LeanConnection[];
  private next = 0;

  private constructor(kv: KvClient, connections: readonly LeanConnection[]) {
    this.kv = kv;
    this.connections = connections;
  }

  /** Connects to each endpoint; does without those that cannot be reached. */
  static async open(transport: Transport, kv: KvClient, connectMs: number): Promise<PutLine> {
    return new PutLine(kv, await transport.openLean(putRpc, connectMs));
  }

  /** One at a time; fails with EtcdError, and is never sent twice unless it was certainly refused. */
  async put(key: Bytes, value: Bytes): Promise<void> {
    const message = encoded(bytesOf(key), bytesOf(value));
    const connection = this.pick();
    if (connection !== undefined && message.length <= connection.maxMessageBytes) {
      try {
        await connection.call(message);
        return;
      } catch (thrown) {
        if (!(thrown instanceof EtcdError)) throw thrown;
        if (isStaleToken(thrown)) this.close();
        else if (thrown.errorName !== "notSupportedForLearner") throw thrown;
      }
    }
    await this.kv.put(key, value, {}, { timeoutMs: Number.POSITIVE_INFINITY });
  }

  /** Ends the lean connections; a put under way fails. */
  close(): void {
    for (const connection of this.connections) connection.close();
    this.connections = [];
  }

  private pick(): LeanConnection | undefined {
    const { connections } = this;
    for (let i = 0; i < connections.length; i++) {
      const at = this.next;
      this.next = at + 1 === connections.length ? 0 : at + 1;
      if (connections[at]!.isOpen) return connections[at];
    }
    return undefined;
  }
}

function encoded(key: Uint8Array, value: Uint8Array): Uint8Array {
  const request = { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return PutRequest.encode(request).finish();
}
