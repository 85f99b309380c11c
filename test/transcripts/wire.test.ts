// The wire contract against the reference's own bytes. A server made of grpc-js, which knows no message,
// takes what the reference etcdctl sends: each request must decode with our codecs and encode again to
// the same bytes. The answers are encoded by our codecs, and the reference etcdctl must print what is in them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ClusterDefinition } from "#proto/gen/cluster.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import { KVDefinition } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import { AlarmType, MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import { WatchDefinition } from "#proto/gen/watch.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";

interface Codec {
  encode(message: unknown): { finish(): Buffer };
  decode(bytes: Uint8Array): unknown;
}

interface Method {
  readonly name: string;
  readonly requestType: unknown;
  readonly responseType: unknown;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

interface Service {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, Method>>;
}

const services: readonly Service[] = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
];

/** Answers by method; a list is a stream of answers to one request. */
type Answers = Readonly<Record<string, readonly unknown[]>>;

interface Recorded {
  readonly path: string;
  readonly bytes: Buffer;
  readonly method: Method;
}

/** Serves raw bytes, records requests, answers from the table. */
function recordingServer(answers: Answers, recorded: Recorded[]): Server {
  const server = new Server();
  for (const { fullName, methods } of services) {
    const definition: Record<string, ServiceDefinition[string]> = {};
    const handlers: UntypedServiceImplementation = {};
    for (const method of Object.values(methods)) {
      const path = `/${fullName}/${method.name}`;
      const same = (bytes: Buffer): Buffer => bytes;
      definition[method.name] = {
        path,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      const answer = (bytes: Buffer): Buffer[] => {
        recorded.push({ path, bytes, method });
        const codec = method.responseType as Codec;
        return (answers[method.name] ?? []).map((each) => codec.encode(each).finish());
      };
      if (!method.responseStream) {
        const unary: handleUnaryCall<Buffer, Buffer> = (call, done) => {
          const [first] = answer(call.request);
          done(first === undefined ? { code: 12, details: "no answer" } : null, first);
        };
        handlers[method.name] = unary;
      } else if (!method.requestStream) {
        const streamed: handleServerStreamingCall<Buffer, Buffer> = (call) => {
          for (const each of answer(call.request)) call.write(each);
          call.end();
        };
        handlers[method.name] = streamed;
      } else {
        const both: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
          call.on("data", (bytes: Buffer) => {
            for (const each of answer(bytes)) call.write(each);
          });
          call.on("end", () => call.end());
        };
        handlers[method.name] = both;
      }
    }
    server.addService(definition, handlers);
  }
  return server;
}

const header: ResponseHeader = {
  clusterId: 0xfedcba9876543210n,
  memberId: 0x8000000000000001n,
  revision: 9007199254740990,
  raftTerm: 7,
};
const pair: KeyValue = {
  key: Buffer.from("key"),
  createRevision: 1,
  modRevision: 9007199254740989,
  version: 300,
  value: Buffer.from([0, 255, 10, 128]),
  lease: -2n,
};
const member = {
  ID: 0xffffffffffffffffn,
  name: "näme",
  peerURLs: ["http://p:1", "http://p:2"],
  clientURLs: ["http://c:1"],
  isLearner: true,
};
const answers: Answers = {
  Range: [
    { header, kvs: [pair, { ...pair, value: Buffer.alloc(300, "v") }], more: true, count: 200 },
  ],
  Put: [{ header, prevKv: pair }],
  DeleteRange: [{ header, deleted: 2, prevKvs: [pair, pair] }],
  Txn: [
    {
      header,
      succeeded: true,
      responses: [
        {
          response: {
            $case: "responseRange",
            value: { header, kvs: [pair], more: false, count: 1 },
          },
        },
        { response: { $case: "responsePut", value: { header, prevKv: undefined } } },
        { response: { $case: "responseDeleteRange", value: { header, deleted: 1, prevKvs: [] } } },
      ],
    },
  ],
  Compact: [{ header }],
  LeaseGrant: [{ header, ID: 0x1122334455667788n, TTL: 60, error: "" }],
  LeaseRevoke: [{ header }],
  LeaseTimeToLive: [
    { header, ID: 5n, TTL: 40, grantedTTL: 60, keys: [Buffer.from("a"), Buffer.from("b")] },
  ],
  LeaseLeases: [{ header, leases: [{ ID: 1n }, { ID: 0x7fffffffffffffffn }] }],
  LeaseKeepAlive: [{ header, ID: 5n, TTL: 60 }],
  MemberList: [{ header, members: [member] }],
  MemberAdd: [{ header, member, members: [member] }],
  MemberRemove: [{ header, members: [] }],
  MemberUpdate: [{ header, members: [member] }],
  MemberPromote: [{ header, members: [member] }],
  Alarm: [{ header, alarms: [{ memberID: member.ID, alarm: AlarmType.NOSPACE }] }],
  HashKV: [{ header, hash: 0xfffffffe, compactRevision: 4, hashRevision: 9 }],
  Status: [
    {
      header,
      version: "3.7.3",
      dbSize: 4294967296,
      leader: header.memberId,
      raftIndex: 12,
      raftTerm: 7,
      raftAppliedIndex: 11,
      errors: ["one", "two"],
      dbSizeInUse: 4294967295,
      isLearner: true,
      storageVersion: "3.7.0",
      dbSizeQuota: 8589934592,
      downgradeInfo: { enabled: true, targetVersion: "3.6.0" },
    },
  ],
  MoveLeader: [{ header }],
  Downgrade: [{ header, version: "3.7" }],
  Watch: [
    {
      header,
      watchId: 0,
      created: true,
      canceled: false,
      compactRevision: 0,
      cancelReason: "",
      fragment: false,
      events: [],
    },
    {
      header,
      watchId: 0,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: "",
      fragment: false,
      events: [
        { type: 0, kv: pair, prevKv: pair },
        { type: 1, kv: { ...pair, value: Buffer.alloc(0) }, prevKv: undefined },
      ],
    },
    {
      header,
      watchId: 0,
      created: false,
      canceled: true,
      compactRevision: 12,
      cancelReason: "etcdserver: mvcc: required revision has been compacted",
      fragment: false,
      events: [],
    },
  ],
};

const H =
  '{"cluster_id":18364758544493064720,"member_id":9223372036854775809,"revision":9007199254740990,"raft_term":7}';
const KV = '"create_revision":1,"mod_revision":9007199254740989,"version":300';
const P = `{"key":"a2V5",${KV},"value":"AP8KgA==","lease":-2}`;
const M =
  '{"ID":18446744073709551615,"name":"näme","peerURLs":["http://p:1","http://p:2"],"clientURLs":["http://c:1"],"isLearner":true}';
const long = `{"key":"a2V5",${KV},"value":"${Buffer.alloc(300, "v").toString("base64")}","lease":-2}`;

/** Command line, the methods it calls, and what the reference prints of our answers. */
const commands: readonly {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly methods: readonly string[];
  readonly prints: string;
}[] = [
  {
    args: ["get", "a", "z", "--limit", "300", "--rev", "9007199254740991", "--order", "DESCEND"],
    methods: ["Range"],
    prints: `{"header":${H},"kvs":[${P},${long}],"more":true,"count":200}\n`,
  },
  {
    args: [
      "get",
      "a",
      "--from-key",
      "--keys-only",
      "--consistency",
      "s",
      "--min-mod-rev",
      "1",
      "--max-mod-rev",
      "300",
      "--min-create-rev",
      "1",
      "--max-create-rev",
      "70000",
      "--sort-by",
      "VALUE",
    ],
    methods: ["Range"],
    prints: `{"header":${H},"kvs":[${P},${long}],"more":true,"count":200}\n`,
  },
  {
    args: ["put", "key", "x".repeat(20_000), "--prev-kv", "--lease", "7fffffffffffffff"],
    methods: ["Put"],
    prints: `{"header":${H},"prev_kv":${P}}\n`,
  },
  {
    args: ["put", "key", "--ignore-value", "--ignore-lease", "--lease=-1"],
    methods: ["Put"],
    prints: `{"header":${H},"prev_kv":${P}}\n`,
  },
  {
    args: ["del", "key", "--prefix", "--prev-kv"],
    methods: ["DeleteRange"],
    prints: `{"header":${H},"deleted":2,"prev_kvs":[${P},${P}]}\n`,
  },
  {
    args: ["txn"],
    stdin:
      'ver("a") = "1"\ncreate("b") != "2"\nmod("c") > "-1"\nval("d") < "v"\n\nget a --prefix\nput b c --lease 5\ndel d --prev-kv\n\nput e ""\n\n',
    methods: ["Txn"],
    prints: `{"header":${H},"succeeded":true,"responses":[{"Response":{"response_range":{"header":${H},"kvs":[${P}],"count":1}}},{"Response":{"response_put":{"header":${H}}}},{"Response":{"response_delete_range":{"header":${H},"deleted":1}}}]}\n`,
  },
  {
    args: ["compaction", "300", "--physical"],
    methods: ["Compact"],
    prints: "compacted revision 300\n",
  },
  {
    args: ["lease", "grant", "70000"],
    methods: ["LeaseGrant"],
    prints: `${H.slice(0, -1)},"ID":1234605616436508552,"TTL":60,"Error":""}\n`,
  },
  { args: ["lease", "revoke", "5"], methods: ["LeaseRevoke"], prints: `{"header":${H}}\n` },
  {
    args: ["lease", "timetolive", "5", "--keys"],
    methods: ["LeaseTimeToLive"],
    prints: `${H.slice(0, -1)},"id":5,"ttl":40,"granted-ttl":60,"keys":["YQ==","Yg=="]}\n`,
  },
  {
    args: ["lease", "list"],
    methods: ["LeaseLeases"],
    prints: `${H.slice(0, -1)},"leases":[{"id":1},{"id":9223372036854775807}]}\n`,
  },
  {
    args: ["lease", "keep-alive", "--once", "5"],
    methods: ["LeaseKeepAlive"],
    prints: `${H.slice(0, -1)},"ID":5,"TTL":60}\n`,
  },
  {
    args: ["member", "list"],
    methods: ["MemberList"],
    prints: `{"header":${H},"members":[${M}]}\n`,
  },
  {
    args: ["member", "add", "n", "--learner", "--peer-urls", "http://p:1,http://p:2"],
    methods: ["MemberAdd"],
    prints: `{"header":${H},"member":${M},"members":[${M}]}\n`,
  },
  {
    args: ["member", "remove", "ffffffffffffffff"],
    methods: ["MemberRemove"],
    prints: `{"header":${H}}\n`,
  },
  {
    args: ["member", "update", "ffffffffffffffff", "--peer-urls", "http://p:1"],
    methods: ["MemberUpdate"],
    prints: `{"header":${H},"members":[${M}]}\n`,
  },
  {
    args: ["member", "promote", "1"],
    methods: ["MemberPromote"],
    prints: `{"header":${H},"members":[${M}]}\n`,
  },
  {
    args: ["downgrade", "enable", "3.6"],
    methods: ["Downgrade"],
    prints: `{"header":${H},"version":"3.7"}\n`,
  },
  {
    args: ["alarm", "list"],
    methods: ["Alarm"],
    prints: `{"header":${H},"alarms":[{"memberID":18446744073709551615,"alarm":1}]}\n`,
  },
  {
    args: ["alarm", "disarm"],
    methods: ["Alarm", "Alarm"],
    prints: '{"alarms":[{"memberID":18446744073709551615,"alarm":1}]}\n',
  },
  {
    args: ["endpoint", "hashkv", "--rev", "300"],
    methods: ["HashKV"],
    prints: `[{"Endpoint":"ENDPOINT","HashKV":{"header":${H},"hash":4294967294,"compact_revision":4,"hash_revision":9}}]\n`,
  },
  {
    args: ["endpoint", "status"],
    methods: ["Status"],
    prints: `[{"Endpoint":"ENDPOINT","Status":{"header":${H},"version":"3.7.3","dbSize":4294967296,"leader":9223372036854775809,"raftIndex":12,"raftTerm":7,"raftAppliedIndex":11,"errors":["one","two"],"dbSizeInUse":4294967295,"isLearner":true,"storageVersion":"3.7.0","dbSizeQuota":8589934592,"downgradeInfo":{"enabled":true,"targetVersion":"3.6.0"}}}]\n`,
  },
  {
    args: ["watch", "key", "--prefix", "--rev", "3", "--prev-kv", "--progress-notify"],
    methods: ["Watch"],
    prints: `{"Header":${H},"Events":[{"kv":${P},"prev_kv":${P}},{"type":1,"kv":{"key":"a2V5",${KV},"lease":-2}}],"CompactRevision":0,"Canceled":false,"Created":false,"CancelReason":""}\n{"Header":${H},"Events":null,"CompactRevision":12,"Canceled":true,"Created":false,"CancelReason":"etcdserver: mvcc: required revision has been compacted"}\n`,
  },
];

/** Everything the process wrote to stdout. */
function output(file: string, args: readonly string[], stdin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("ETCDCTL_")),
    );
    const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "ignore"] });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.once("error", reject);
    child.once("close", () => resolve(stdout));
    child.stdin.end(stdin);
  });
}

test("the reference's requests decode and encode to the same bytes, and it reads our answers", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const recorded: Recorded[] = [];
  const server = recordingServer(answers, recorded);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const endpoint = `127.0.0.1:${port}`;
  t.after(() => server.forceShutdown());
  for (const { args, stdin, methods, prints } of commands) {
    await t.test(args.join(" ").slice(0, 100), async () => {
      recorded.length = 0;
      const all = ["--endpoints", endpoint, "-w", "json", ...args];
      const printed = await output(reference.etcdctl, all, stdin ?? "");
      assert.equal(printed, prints.replace("ENDPOINT", endpoint));
      // A watch also says that it ends.
      const requests = recorded.slice(0, methods.length);
      assert.deepEqual(
        requests.map(({ method }) => method.name),
        methods,
      );
      for (const { bytes, method } of recorded) {
        const codec = method.requestType as Codec;
        const again = codec.encode(codec.decode(bytes)).finish();
        assert.equal(again.toString("hex"), bytes.toString("hex"), method.name);
      }
    });
  }
});
