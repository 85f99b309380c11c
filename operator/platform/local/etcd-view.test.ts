// What the view makes of members that do not answer, against servers that do or do not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { type Access, EtcdView, identify } from "#operator/platform/local/etcd-view.ts";
import { type EtcdErrorName, etcdError } from "#proto/errors.ts";
import { AuthenticateResponse } from "#proto/gen/auth.ts";
import { MemberListResponse } from "#proto/gen/cluster.ts";
import { AlarmResponse, StatusResponse } from "#proto/gen/maintenance.ts";

const header = { clusterId: 1n, memberId: 2n, revision: 10, raftTerm: 1 };
const same = (bytes: Buffer): Buffer => bytes;
const members = [
  { ID: 2n, name: "a", peerURLs: ["http://a:2380"], clientURLs: [], isLearner: false },
];

/** A member that answers what is asked of lists, or takes the question and says nothing. */
async function startMember(
  isMute: boolean,
): Promise<{ url: string; asked(): number } & Disposable> {
  const server = new Server();
  let asked = 0;
  const unary =
    (answer: Uint8Array): handleUnaryCall<Buffer, Buffer> =>
    (_call, done) => {
      asked++;
      if (!isMute) done(null, Buffer.from(answer));
    };
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  server.addService(
    {
      MemberList: method("/etcdserverpb.Cluster/MemberList"),
      Alarm: method("/etcdserverpb.Maintenance/Alarm"),
    },
    {
      MemberList: unary(
        MemberListResponse.encode(MemberListResponse.create({ header, members })).finish(),
      ),
      Alarm: unary(AlarmResponse.encode(AlarmResponse.create({ header })).finish()),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    asked: () => asked,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

const newView = () => new EtcdView({ clock: systemClock, random: seededRandom(1) });

test("a member that was removed and says nothing does not make the quorum seem lost", async () => {
  using mute = await startMember(true);
  using other = await startMember(false);
  const view = newView();
  try {
    // Each of them is the one that is asked first in one of two looks.
    for (let look = 0; look < 2; look++) {
      const membership = await view.membership([mute.url, other.url]);
      assert.deepEqual(
        membership?.members.map((one) => one.peerUrls),
        [["http://a:2380"]],
        `look ${look}`,
      );
    }
    assert(mute.asked() > 0, "the one that is mute was never asked");
  } finally {
    view.close();
  }
});

test("without anyone who answers there is no list", async () => {
  const view = newView();
  try {
    assert.equal(await view.membership(["http://127.0.0.1:1", "http://127.0.0.1:1/"]), undefined);
    assert.equal(await view.membership([]), undefined);
  } finally {
    view.close();
  }
});

test("who asks says so by its certificate where that names a user, and else logs in", async () => {
  const user = { name: "root", password: "p" };
  const both = { id: "1", user, certificateUser: "etcd-operator" };
  const secure = ["https://a", "https://b"];
  const table: readonly (readonly [Access, readonly string[], string, EtcdErrorName?])[] = [
    [both, secure, "get etcd-operator"],
    [both, secure, "get etcd-operator, log in root", "userNotFound"],
    [both, secure, "get etcd-operator, log in root", "userEmpty"],
    [both, secure, "get etcd-operator, log in root", "permissionDenied"],
    [both, secure, "get etcd-operator, failed", "noLeader"],
    // Over plain text nobody shows a certificate.
    [both, ["https://a", "http://b"], "log in root"],
    [both, ["http://a"], "log in root"],
    [{ id: "1", user }, secure, "log in root"],
    [{ id: "1", certificateUser: "etcd-operator" }, ["http://a"], ""],
  ];
  for (const [access, urls, wanted, fault] of table) {
    const calls: string[] = [];
    const client: Parameters<typeof identify>[0] = {
      auth: {
        userGet: async (name) => {
          calls.push(`get ${name}`);
          if (fault !== undefined) throw etcdError(fault);
          return { header: undefined, roles: ["root"] };
        },
      },
      authenticate: async (name) => void calls.push(`log in ${name}`),
    };
    await identify(client, urls, access).catch(() => calls.push("failed"));
    assert.equal(calls.join(", "), wanted, `${urls} ${fault}`);
  }
});

test("a member that tells only users is told who asks, once", async () => {
  const calls: string[] = [];
  const server = new Server();
  const method = (path: string) => ({
    ...{ path, requestStream: false, responseStream: false },
    ...{ requestSerialize: same, requestDeserialize: same },
    ...{ responseSerialize: same, responseDeserialize: same },
  });
  const status: handleUnaryCall<Buffer, Buffer> = ({ metadata }, done) => {
    const [token = "nobody"] = metadata.get("token");
    calls.push(`status as ${token}`);
    const { message: details, code } = etcdError("userEmpty");
    const answer = StatusResponse.encode(StatusResponse.create({ header, leader: 2n })).finish();
    if (token === "t") done(null, Buffer.from(answer));
    else done({ code, details });
  };
  const authenticate: handleUnaryCall<Buffer, Buffer> = (_call, done) => {
    calls.push("log in");
    const answer = AuthenticateResponse.create({ header, token: "t" });
    done(null, Buffer.from(AuthenticateResponse.encode(answer).finish()));
  };
  server.addService(
    {
      Status: method("/etcdserverpb.Maintenance/Status"),
      Authenticate: method("/etcdserverpb.Auth/Authenticate"),
    },
    { Status: status, Authenticate: authenticate },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const view = newView();
  try {
    const url = `http://127.0.0.1:${port}`;
    assert.equal(await view.answer(url), undefined);
    view.use({ id: "1", user: { name: "root", password: "p" } });
    assert.equal((await view.answer(url))?.leaderId, "2");
    assert.equal((await view.answer(url))?.leaderId, "2");
    const nobody = "status as nobody";
    assert.deepEqual(calls, [nobody, nobody, "log in", "status as t", "status as t"]);
  } finally {
    view.close();
    server.forceShutdown();
  }
});
