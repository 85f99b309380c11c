// What the view makes of members that do not answer, against servers that do or do not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdView } from "#operator/platform/local/etcd-view.ts";
import { MemberListResponse } from "#proto/gen/cluster.ts";
import { AlarmResponse } from "#proto/gen/maintenance.ts";

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
