// Every client RPC of a real member: right messages with values at edges, bent ones, several on a
// stream. A request that is refused must change nothing; what was acknowledged must stay.
import { Buffer } from "node:buffer";
import type { Random } from "#base/random.ts";
import { grpcCode } from "#proto/errors.ts";
import { MemberListRequest, MemberListResponse } from "#proto/gen/cluster.ts";
import { PutRequest, RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import { LeaseLeasesRequest, LeaseLeasesResponse } from "#proto/gen/lease.ts";
import { AlarmRequest, HashKVRequest, HashKVResponse } from "#proto/gen/maintenance.ts";
import { framed, type RawAnswer, RawClient } from "#test/fakes/raw-grpc.ts";
import { bend, MessageGenerator, pick, someBytes } from "../generate.ts";
import { Renewed, ServedMember } from "../served-member.ts";
import { assertClear, Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { type FieldShape, type RpcShape, readWireSchema } from "../wire-schema.ts";

/** Those that wait by design, as long as the client does. */
const waiting = /Watch\/|v3lockpb|Election|Health\/Watch|LeaseKeepAlive/;
/** Beyond what any request may take under load. */
const hangMs = 20_000;
const canary = Buffer.from("\u0001canary");
const memberLife = 600;

const schema = readWireSchema();

/** Names that meet what other requests made: without them most requests find nothing. */
function special(field: FieldShape, random: Random): string | bigint | undefined {
  if (random.chance(0.2)) return undefined;
  switch (field.name) {
    case "ID":
    case "lease":
    case "watch_id":
      return BigInt(random.below(5));
    case "TTL":
      return 9000n;
    case "key":
    case "range_end":
      return pick(random, ["a", "b", "c", "k", "\0", "key", "key/1"]);
    case "revision":
    case "start_revision":
      return BigInt(random.below(60));
    case "peer_u_r_ls":
    case "peerURLs":
    case "peer_urls":
      return pick(random, ["http://127.0.0.1:1", "http://h", "unix://x", "x", ""]);
    default:
      return undefined;
  }
}

const generator = new MessageGenerator(schema, special);

interface Opened extends AsyncDisposable {
  readonly served: ServedMember;
  readonly client: RawClient;
}

async function open(): Promise<Opened> {
  const served = await ServedMember.start();
  const client = new RawClient(served.member.clientUrl);
  return {
    served,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await served[Symbol.asyncDispose]();
    },
  };
}

/** What of a member's state requests change, as one text. */
interface Print {
  readonly text: string;
  readonly leases: readonly bigint[];
}

class GrpcRounds implements Rounds {
  private readonly members = new Renewed(open, memberLife);
  private opened: Opened | undefined;
  private count = 0;
  /** Whoever gave up waiting for a lock takes its key away behind its answer. */
  private unsettled = false;
  /** Asks the last request once more. */
  private again: () => Promise<RawAnswer> = () => Promise.reject(new Error("nothing was asked"));

  async play(random: Random, tally: Tally): Promise<void> {
    const opened = await this.members.get();
    this.opened = opened;
    const value = Buffer.from(String(++this.count));
    const put = await this.ask(
      "/etcdserverpb.KV/Put",
      PutRequest.encode({ ...emptyPut, key: canary, value }).finish(),
    );
    let kept = put.code === grpcCode.ok;
    for (let requests = 1 + random.below(6); requests > 0; requests--) {
      const rpc = pick(random, schema.rpcs);
      const looks = random.chance(0.3);
      const before = looks ? await this.settledPrint() : undefined;
      const answer = await this.request(rpc, random, tally);
      if (answer.code === grpcCode.ok && /DeleteRange|Txn|LeaseRevoke|Auth/.test(rpc.path))
        kept = false;
      if (
        before !== undefined &&
        answer.code > 0 &&
        !rpc.streamsRequests &&
        !waiting.test(rpc.path)
      ) {
        await this.assertSame(before, rpc, answer, tally);
      }
      opened.served.assertSound();
      // A voter that never comes takes the quorum away: all that follows would wait for its timeout.
      if (rpc.path.endsWith("/MemberAdd") && answer.code === grpcCode.ok) break;
    }
    if (kept) await this.assertKept(value, tally);
    await this.assertServes(tally);
  }

  heldBytes(): number {
    return this.opened?.served.heldBytes() ?? 0;
  }

  private async request(rpc: RpcShape, random: Random, tally: Tally): Promise<RawAnswer> {
    const parts: Buffer[] = [];
    let messages = rpc.streamsRequests ? 1 + random.below(8) : 1;
    if (random.chance(0.02)) messages = 0;
    for (; messages > 0; messages--) {
      let message = generator.message(rpc.request, random);
      if (random.chance(0.4)) {
        const other = generator.message(pick(random, schema.rpcs).request, random);
        message = bend(message, random, other);
        tally.add("bent");
      }
      if (random.chance(0.02)) message = generator.nested([5, 3], 10 + random.below(200));
      parts.push(framed(message, random.chance(0.98) ? 0 : random.below(256)));
    }
    let body: Buffer = Buffer.concat(parts);
    if (random.chance(0.03)) body = bend(body, random);
    const waits = waiting.test(rpc.path);
    const headers: Record<string, string> = { "grpc-timeout": waits ? "40m" : "5S" };
    if (random.chance(0.05)) headers["grpc-encoding"] = pick(random, ["gzip", "identity", "x"]);
    if (random.chance(0.05)) headers["hasleader"] = pick(random, ["true", "x"]);
    if (random.chance(0.05)) headers["token"] = pick(random, ["", "x.1", "a".repeat(5000)]);
    if (random.chance(0.03)) {
      const odd = ["1n", "-1S", "1"];
      // Whoever waits for a lock for ten thousand years does not hang.
      headers["grpc-timeout"] = pick(random, waits ? odd : [...odd, "99999999H"]);
    }
    if (waits) this.unsettled = true;
    if (random.chance(0.03)) headers["x-bin"] = someBytes(random).toString("base64");
    this.again = () => this.ask(rpc.path, body, headers, true);
    const answer = await this.again();
    tally.add("requests");
    tally.add(answer.code === grpcCode.ok ? "served" : "refused");
    tally.add(`code ${answer.code}`);
    assertClear(
      decodeURIComponent(answer.message),
      `${rpc.path} ${body.subarray(0, 200).toString("hex")}`,
    );
    return answer;
  }

  private async ask(
    path: string,
    message: Uint8Array,
    headers: Record<string, string> = {},
    isFramed = false,
  ): Promise<RawAnswer> {
    const { client, served } = this.opened!;
    const body = isFramed ? Buffer.from(message) : framed(message);
    const late = AbortSignal.timeout(hangMs);
    const hangs = new Promise<never>((_, reject) => {
      late.addEventListener("abort", () => {
        reject(new Finding(`${path} hangs: ${body.subarray(0, 500).toString("hex")}`));
      });
    });
    const answer = await Promise.race([client.call({ path, body, headers }), hangs]);
    served.assertSound();
    return answer;
  }

  /** The state once nothing of an earlier request changes it any more. */
  private async settledPrint(): Promise<Print> {
    let before = await this.print();
    if (!this.unsettled) return before;
    for (let alike = 0, tries = 0; alike < 5 && tries < 100; tries++) {
      const next = await this.print();
      alike = next.text === before.text ? alike + 1 : 0;
      before = next;
    }
    this.unsettled = false;
    return before;
  }

  private async print(): Promise<Print> {
    const hash = await this.ask(
      "/etcdserverpb.Maintenance/HashKV",
      HashKVRequest.encode({ revision: 0 }).finish(),
    );
    const alarm = AlarmRequest.encode({ action: 0, memberID: 0n, alarm: 0 }).finish();
    const alarms = await this.ask("/etcdserverpb.Maintenance/Alarm", alarm);
    const list = MemberListRequest.encode({ linearizable: false }).finish();
    const members = await this.ask("/etcdserverpb.Cluster/MemberList", list);
    const leases = await this.ask(
      "/etcdserverpb.Lease/LeaseLeases",
      LeaseLeasesRequest.encode({}).finish(),
    );
    const { hash: number, hashRevision } = HashKVResponse.decode(hash.body.subarray(5));
    const ids = LeaseLeasesResponse.decode(leases.body.subarray(5)).leases.map(({ ID }) => ID);
    // Behind its header, which counts terms and revisions, the answer is the same as long as its members are.
    const known = MemberListResponse.decode(members.body.subarray(5)).members;
    const text = JSON.stringify({
      codes: [hash.code, members.code, leases.code, alarms.code],
      hash: [number, hashRevision],
      leases: ids.map(String).sort(),
      members: known.map((one) => ({ ...one, ID: String(one.ID) })),
      alarmBytes: alarms.body.length > 60,
    });
    return { text, leases: ids };
  }

  private async assertSame(
    before: Print,
    rpc: RpcShape,
    answer: RawAnswer,
    tally: Tally,
  ): Promise<void> {
    const after = await this.print();
    tally.add("compared");
    const expired = before.leases.some((id) => !after.leases.includes(id));
    if (expired || after.text === before.text) return;
    // What an earlier call left behind may come late; what this one does it does again.
    for (let tries = 0; tries < 3; tries++) {
      const asked = await this.print();
      if ((await this.again()).code <= 0 || (await this.print()).text === asked.text) {
        tally.add("changed by an earlier call");
        return;
      }
    }
    throw new Finding(
      `${rpc.path} was refused (${answer.code} ${answer.message}) and yet: ${before.text} → ${after.text}`,
    );
  }

  private async assertKept(value: Buffer, tally: Tally): Promise<void> {
    const range = RangeRequest.encode({ ...emptyRange, key: canary }).finish();
    const answer = await this.ask("/etcdserverpb.KV/Range", range);
    if (answer.code !== grpcCode.ok) return;
    tally.add("kept");
    const found = RangeResponse.decode(answer.body.subarray(5)).kvs[0];
    // Others may write it by chance: then it is there still.
    if (found === undefined) throw new Finding(`the acknowledged value ${value} is lost`);
  }

  /** Requests may end the cluster, by its rules: then another is begun. */
  private async assertServes(tally: Tally): Promise<void> {
    const range = RangeRequest.encode({ ...emptyRange, key: canary, serializable: true }).finish();
    const answer = await this.ask("/etcdserverpb.KV/Range", range);
    const list = MemberListRequest.encode({ linearizable: false }).finish();
    const members = await this.ask("/etcdserverpb.Cluster/MemberList", list);
    const { length } = MemberListResponse.decode(members.body.subarray(5)).members;
    if (answer.code === grpcCode.ok && length === 1) return;
    tally.add("begun again");
    await this.members.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.members[Symbol.asyncDispose]();
  }
}

const emptyPut = PutRequest.decode(new Uint8Array(0));
const emptyRange = RangeRequest.decode(new Uint8Array(0));

export const grpcTarget: Target = {
  name: "grpc",
  rounds: 25,
  about: "every client RPC of a member",
  open: async () => new GrpcRounds(),
};
