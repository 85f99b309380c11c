// make-mirror: copies keys to another cluster, and goes on copying what changes.
import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { changesFrom, currentRevision, pairsAt } from "#client/mirror.ts";
import type { Command, CommandContext } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { credentialsIn, openClientWith, tlsOfFiles } from "#ctl/globals.ts";
import { DeleteRangeRequest, PutRequest, type RequestOp } from "#proto/gen/kv.ts";
import { type Event, Event_EventType } from "#proto/gen/mvcc.ts";

/** How often the number of keys copied so far is printed. */
const reportMs = 30_000;

/** Copies into the destination, one transaction a revision. */
class Mirror {
  copied = 0;
  private readonly to: EtcdClient;
  private readonly prefix: string;
  private readonly destPrefix: string;
  private readonly maxOps: number;

  constructor(to: EtcdClient, options: MirrorOptions) {
    this.to = to;
    this.prefix = options.prefix;
    this.destPrefix = options.destPrefix;
    this.maxOps = options.maxOps;
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.to.kv.put(this.renamed(key), value);
    this.copied++;
  }

  /** The events of one answer, which may hold several revisions. */
  async apply(events: readonly Event[]): Promise<void> {
    let ops: RequestOp[] = [];
    let revision = 0;
    for (const event of events) {
      const { kv } = event;
      if (kv === undefined) continue;
      const isNext = revision !== 0 && kv.modRevision > revision;
      if (isNext || ops.length >= this.maxOps) {
        await this.to.kv.txn({ success: ops });
        ops = [];
      }
      revision = kv.modRevision;
      ops.push(this.operation(event.type, kv.key, kv.value));
      this.copied++;
    }
    if (ops.length > 0) await this.to.kv.txn({ success: ops });
  }

  private operation(type: Event["type"], from: Uint8Array, value: Uint8Array): RequestOp {
    const key = this.renamed(from);
    if (type === Event_EventType.DELETE) {
      const deletion = DeleteRangeRequest.fromPartial({ key });
      return { request: { $case: "requestDeleteRange", value: deletion } };
    }
    return { request: { $case: "requestPut", value: PutRequest.fromPartial({ key, value }) } };
  }

  /** Keys are bytes: what follows the prefix stays as it is. */
  private renamed(key: Uint8Array): Uint8Array {
    return Buffer.concat([utf8(this.destPrefix), key.subarray(utf8(this.prefix).length)]);
  }
}

interface MirrorOptions {
  readonly prefix: string;
  readonly destPrefix: string;
  readonly maxOps: number;
}

async function run({ args, flags, terminal, connect }: CommandContext): Promise<void> {
  const [destination] = args;
  if (destination === undefined || args.length !== 1) {
    throw badArguments("make-mirror takes one destination argument");
  }
  const given = { user: flags.string("dest-user"), password: flags.string("dest-password") };
  const who =
    given.user === "" ? undefined : await credentialsIn(terminal, given, "Destination Password: ");
  const tls = tlsOfFiles({
    cert: flags.string("dest-cert"),
    key: flags.string("dest-key"),
    cacert: flags.string("dest-cacert"),
    insecureSkipVerify: false,
    insecureTransport: flags.bool("dest-insecure-transport"),
  });
  const { client } = await connect();
  const to = await openClientWith(terminal, flags, {
    endpoints: [destination],
    tls,
    who,
    token: "",
  });
  try {
    const prefix = flags.string("prefix");
    const named = flags.string("dest-prefix");
    const isBare = flags.bool("no-dest-prefix");
    if (isBare && named !== "") {
      throw badArguments(
        "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one",
      );
    }
    const destPrefix = isBare ? "" : named === "" ? prefix : named;
    const mirror = new Mirror(to, { prefix, destPrefix, maxOps: flags.number("max-txn-ops") });
    const report = terminal.clock.every(reportMs, () => terminal.out(`${mirror.copied}\n`));
    try {
      let revision = Math.max(0, flags.number("rev") - 1);
      if (revision === 0) {
        revision = await currentRevision(client, prefix);
        for await (const kvs of pairsAt(client, prefix, revision)) {
          for (const { key, value } of kvs) await mirror.put(key, value);
        }
      }
      for await (const events of changesFrom(client, prefix, revision + 1)) {
        await mirror.apply(events);
      }
    } finally {
      report.cancel();
    }
  } finally {
    to.close();
  }
}

export const command: Command = {
  usage: "[flags] DESTINATION",
  description: `Copies every key, or those under --prefix, to the cluster of the endpoint DESTINATION, then every change
as it happens, until interrupted. One revision becomes one transaction of at most --max-txn-ops writes.
Prints how many keys it has copied every 30 seconds. Leases are not copied, and what the destination
holds besides stays. With --rev it copies no keys but every change since that revision, which goes on
with a mirror that was interrupted.`,
  examples: [
    "etcdctl make-mirror 10.0.1.1:2379",
    "etcdctl make-mirror --prefix /app/ --dest-prefix /copy/ 10.0.1.1:2379",
    "etcdctl make-mirror --rev 12345 --dest-cacert ca.pem https://10.0.1.1:2379",
  ],
  flags: [
    { name: "prefix", kind: "string", initial: "", usage: "copy only keys that begin so" },
    {
      name: "rev",
      kind: "int",
      initial: 0,
      usage: "copy changes from this revision on, and no keys; 0 means all keys as they are now",
    },
    {
      name: "max-txn-ops",
      kind: "uint",
      initial: 128,
      usage: "largest number of writes in one transaction",
    },
    {
      name: "dest-prefix",
      kind: "string",
      initial: "",
      usage: "what stands in place of --prefix there; the same if not given",
    },
    {
      name: "no-dest-prefix",
      kind: "bool",
      initial: false,
      usage: "take --prefix off and put nothing in its place",
    },
    {
      name: "dest-cert",
      kind: "string",
      initial: "",
      usage: "PEM file of the certificate that identifies this client there",
    },
    { name: "dest-key", kind: "string", initial: "", usage: "PEM file of the key of --dest-cert" },
    {
      name: "dest-cacert",
      kind: "string",
      initial: "",
      usage: "PEM file of the authorities that certificates there are checked against",
    },
    {
      name: "dest-insecure-transport",
      kind: "bool",
      initial: true,
      usage: "use no TLS where neither DESTINATION nor certificate flags ask for it",
    },
    {
      name: "dest-user",
      kind: "string",
      initial: "",
      usage: "NAME or NAME:PASSWORD to authenticate with there",
    },
    { name: "dest-password", kind: "string", initial: "", usage: "password of --dest-user" },
  ],
  run,
};
