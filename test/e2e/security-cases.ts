// Cases of TLS and authentication.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { issue, makeAuthority } from "#operator/platform/kubernetes/certificates.ts";
import {
  clusters,
  configMaps,
  members,
  pods,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import { argumentsOf } from "#operator/platform/kubernetes/observe.ts";
import { clientSchemesIn } from "#operator/platform/kubernetes/tls.ts";
import { makeBackup, makeClaim, over, plugin, volume } from "./backup-cases.ts";
import type { Case } from "./case.ts";

const name = "db";
const connection = "db-connection";
/** Renewed half a minute after clients could know the new CA. */
const made = { operator: { validity: "1h", renewBefore: "5m" } };
const hourMs = 3_600_000;
const secured = {
  replicas: 3,
  tls: { client: made, peer: made },
  connectionSecret: { name: connection },
};

const endpoint = (scheme: string) => `--endpoints=${scheme}://${name}-client:2379`;
const identity = [
  "--cacert=/connection/ca.crt",
  "--cert=/connection/tls.crt",
  "--key=/connection/tls.key",
];

const tls: Case = {
  name: "tls",
  what: "TLS by the operator from the start: plain text and strangers are refused, a member joins",
  async run({ kube, namespace }) {
    await kube.applyCluster(namespace, name, secured);
    await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, connection);
    await kube.requireSound(namespace, name, true);
    const ctl = (...args: readonly string[]) => kube.etcdctl(namespace, ...args);
    assert.equal((await ctl(endpoint("https"), ...identity, "put", "a", "b")).trim(), "OK");
    const quick = ["--dial-timeout=2s", "--command-timeout=3s"];
    const [ca = ""] = identity;
    await assert.rejects(ctl(endpoint("http"), ...quick, "get", "a"), "plain text is refused");
    await assert.rejects(ctl(endpoint("https"), ca, ...quick, "get", "a"), "without a certificate");
    const listed = await ctl(endpoint("https"), ...identity, "member", "list");
    assert(!listed.includes("http:"), listed);
    // One that joins later gets a certificate too.
    await kube.scale(namespace, name, 4);
    await kube.settled(namespace, name, 4);
    await kube.requireSound(namespace, name, true);
  },
};

const rotation: Case = {
  name: "rotation",
  what: "a certificate and the CA are changed under load, nobody is refused or restarted",
  isCore: true,
  isLong: true,
  async run({ kube, namespace }) {
    await kube.applyCluster(namespace, name, secured);
    await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, connection);
    const before = await kube.memberStarts(namespace);
    const leaf = async (member: string) => {
      const labels = `etcd-ts.dev/member=${member}`;
      const path = "jsonpath={.items[*].data.tls\\.crt}";
      return kube.kubectl(["-n", namespace, "get", "secrets", "-l", labels, "-o", path]);
    };
    const old = await leaf("db-2");
    assert.notEqual(old, "");
    const labels = "etcd-ts.dev/member=db-2";
    await kube.kubectl(["-n", namespace, "delete", "secrets", "-l", labels]);
    await kube.until("db-2 has another certificate", async () => {
      const now = await leaf("db-2");
      return (now !== "" && now !== old) || "not yet";
    });
    await kube.settled(namespace, name, 3);
    const trusted = async () => {
      const { data } = await kube.api.get(configMaps, namespace, `${name}-ca`);
      const text = data?.["ca.crt"] ?? "";
      return text.split(/(?<=-----END CERTIFICATE-----\n)/).filter((one) => one !== "");
    };
    const [first = ""] = await trusted();
    await kube.kubectl([
      ...["-n", namespace, "annotate", "etcdcluster", name],
      "etcd-ts.dev/rotate-ca=now",
    ]);
    await kube.until("both CAs are trusted", async () => {
      const now = await trusted();
      return (now.length === 2 && now[0] === first) || `${now.length}`;
    });
    await kube.until("only the new one is", async () => {
      const now = await trusted();
      return (now.length === 1 && now[0] !== first) || `${now.length}`;
    });
    await kube.settled(namespace, name, 3);
    await kube.requireSound(namespace, name, true);
    const { reloads } = await kube.askProbe<{ readonly reloads: number }>(namespace, "");
    assert(reloads > 0, "the prober went on with its old certificate");
    assert.deepEqual(await kube.memberStarts(namespace), before, "members were restarted");
  },
};

const auth: Case = {
  name: "auth",
  what: "authentication switched on, scaled 1, 3, 1, the leader moved by the plugin of kubectl, root's password changed, switched off",
  async run({ kube, namespace }) {
    await kube.applyCluster(namespace, name, { ...secured, replicas: 1 });
    await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name, connection);
    const ctl = (...args: readonly string[]) =>
      kube.etcdctl(namespace, endpoint("https"), ...identity, ...args);
    // The prober's user may write what it writes, once there are users.
    await ctl("user", "add", connection, "--no-password");
    await ctl("role", "add", "prober");
    await ctl("role", "grant-permission", "prober", "readwrite", "probe", "probf");
    await ctl("user", "grant-role", connection, "prober");
    await kube.applyCluster(namespace, name, { ...secured, replicas: 1, auth: {} });
    const password = async () => {
      const path = "jsonpath={.data.password}";
      const args = ["-n", namespace, "get", "secret", `${name}-root`, "-o", path];
      return Buffer.from(await kube.kubectl(args), "base64").toString();
    };
    await kube.until("authentication is on", async () => {
      const as = ["--user", `root:${await password()}`];
      const text = await ctl(...as, "auth", "status");
      return text.includes("Authentication Status: true") || text;
    });
    await assert.rejects(ctl("put", "a", "b"), /permission denied/);
    await kube.scale(namespace, name, 3);
    const { leader, members: all = [] } = await kube.settled(namespace, name, 3);
    const heir = all.find((one) => one.name !== leader)?.name ?? "";
    const moved = await plugin({ kube, namespace }, "leader", "move", name, heir);
    assert.equal(moved.trim(), `${heir} leads instead of ${leader}`);
    await kube.until(`${heir} leads`, async () => {
      const now = await kube.status(namespace, name);
      return now.leader === heir || `${now.leader} does`;
    });
    await kube.scale(namespace, name, 1);
    await kube.settled(namespace, name, 1);
    await kube.requireWritten(namespace);
    // Another password in the Secret is root's from then on.
    const data = JSON.stringify({ stringData: { password: "another" } });
    await kube.kubectl(["-n", namespace, "patch", "secret", `${name}-root`, "-p", data]);
    await kube.until("root has another password", async () => {
      const listed = await ctl("--user", "root:another", "user", "list");
      return listed.includes("etcd-operator") || listed;
    });
    await kube.applyCluster(namespace, name, {
      ...secured,
      ...{ replicas: 1, auth: { enabled: false } },
    });
    await kube.until("authentication is off", async () => {
      return (await ctl("put", "a", "b")).trim() === "OK" || "it is on";
    });
    await kube.requireSound(namespace, name, true);
  },
};

const switched: Case = {
  name: "tls-switched",
  what: "TLS for clients switched on and off under load by way of plaintext: one member at a time, no request over plain text fails while both are served",
  async run({ kube, namespace }) {
    const client = { ...made, plaintext: true };
    const connectionSecret = { name: connection };
    const set = async (tls: object | null) => {
      await kube.api.patch(clusters, namespace, name, { spec: { tls } });
      return kube.updated(namespace, name, 3);
    };
    await kube.applyCluster(namespace, name, { replicas: 3, connectionSecret });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const ctl = (scheme: string, ...args: readonly string[]) =>
      kube.etcdctl(namespace, endpoint(scheme), "--command-timeout=5s", ...args);
    assert.equal((await set({ client })).clusterId, clusterId);
    // Who still speaks plain text has noticed nothing, and TLS is there for whoever has the Secret.
    await kube.requireSound(namespace, name, true);
    assert.equal((await ctl("http", "put", "a", "plain")).trim(), "OK");
    const { data = {} } = await kube.api.get(secrets, namespace, connection);
    assert.deepEqual(Object.keys(data).sort(), ["ca.crt", "endpoints", "tls.crt", "tls.key"]);
    for (const key of ["ca.crt", "tls.crt", "tls.key"]) {
      // Not by its stdin, of which a busy machine may hand over nothing.
      const write = ["sh", "-c", `echo "$1" | base64 -d >/tmp/${key}`, "sh", data[key] ?? ""];
      await kube.exec(namespace, "probe", ...write);
    }
    const shown = ["--cacert=/tmp/ca.crt", "--cert=/tmp/tls.crt", "--key=/tmp/tls.key"];
    assert.match(await ctl("https", ...shown, "get", "a"), /plain/);
    const listed = await ctl("https", ...shown, "member", "list");
    assert.match(listed, /http:[^,]*:2379,https:[^,]*:2379/);
    // Off again before plain text is refused: the prober has not changed over.
    await set(null);
    await kube.requireSound(namespace, name, true);
    await assert.rejects(ctl("https", ...shown, "get", "a"), "TLS is off");
    // And on for good.
    await set({ client });
    const before = await kube.requireWritten(namespace);
    assert.equal((await set({ client: { ...made, plaintext: false } })).clusterId, clusterId);
    await assert.rejects(ctl("http", "get", "a"), "plain text is refused");
    assert.match(await ctl("https", ...shown, "get", "a"), /plain/);
    assert(before.acknowledged > 0);
  },
};

const authSwitched: Case = {
  name: "auth-tls-switched",
  what: "TLS for clients switched on, off and on by way of plaintext while authentication is on: a client with a password is never refused, over plain text nobody comes without one, backups in between, the operator by its certificate at the end",
  isLong: true,
  async run({ kube, namespace }) {
    const context = { kube, namespace };
    const client = { ...made, plaintext: true };
    const base = { replicas: 3, connectionSecret: { name: connection } };
    const ctl = (scheme: string, ...args: readonly string[]) =>
      kube.etcdctl(namespace, endpoint(scheme), "--command-timeout=5s", ...args);
    await makeClaim(context);
    await kube.applyCluster(namespace, name, base);
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, undefined, "prober:secret");
    await ctl("http", "user", "add", "prober:secret");
    await ctl("http", "role", "add", "root");
    await ctl("http", "user", "grant-role", "prober", "root");
    await kube.applyCluster(namespace, name, { ...base, auth: {} });
    await kube.until("authentication is on", async () => {
      const refused = await ctl("http", "put", "a", "b").catch(String);
      return refused.includes("user name is empty") || refused;
    });
    const secretText = async (secret: string, key: string) => {
      const { data = {} } = await kube.api.get(secrets, namespace, secret);
      return Buffer.from(data[key] ?? "", "base64").toString();
    };
    const root = `--user=root:${await secretText(`${name}-root`, "password")}`;
    const users = async () => (await ctl("http", root, "user", "list")).trim().split("\n");
    assert.deepEqual(await users(), ["prober", "root"]);

    const complete = async (backup: string) => {
      await makeBackup(context, backup, { target: volume(backup) });
      const { status } = await over(context, backup);
      assert.equal(status?.phase, "Complete", JSON.stringify(status));
    };
    /** Changes spec.tls, and takes a backup while members differ. */
    const set = async (tls: object | null, backup?: string) => {
      await kube.api.patch(clusters, namespace, name, { spec: { tls } });
      if (backup !== undefined) {
        await kube.until("the first member has changed", async () => {
          const { metadata } = await kube.cluster(namespace, name);
          const { updatedReplicas = 0, observedGeneration } = await kube.status(namespace, name);
          const isSeen = observedGeneration === metadata.generation;
          return (isSeen && updatedReplicas > 0) || `${updatedReplicas} are`;
        });
        await complete(backup);
      }
      assert.equal((await kube.updated(namespace, name, 3)).clusterId, clusterId);
    };
    /** Over plain text only a password says who asks. */
    const requireGuarded = async () => {
      await assert.rejects(ctl("http", "put", "a", "b"), /user name is empty/);
      await assert.rejects(
        ctl("http", "--user=root:wrong", "put", "a", "b"),
        /authentication failed/,
      );
      for (const own of ["etcd-operator", connection]) {
        await assert.rejects(ctl("http", `--user=${own}:`, "put", "a", "b"));
        const asked = ctl("http", `--user=${own}:x`, "put", "a", "b");
        await assert.rejects(asked, /authentication failed/);
      }
      assert.equal((await ctl("http", root, "put", "a", "b")).trim(), "OK");
    };
    await requireGuarded();
    await set({ client }, "switching-on");
    await kube.requireSound(namespace, name, true);
    await requireGuarded();
    assert.deepEqual(await users(), ["etcd-operator", "prober", "root"]);
    for (const key of ["ca.crt", "tls.crt", "tls.key"]) {
      const text = await secretText(connection, key);
      const write = ["sh", "-c", `printf %s "$1" >/tmp/${key}`, "sh", text];
      await kube.exec(namespace, "probe", ...write);
    }
    const shown = ["--cacert=/tmp/ca.crt", "--cert=/tmp/tls.crt", "--key=/tmp/tls.key"];
    // The same certificate is a user over TLS, as soon as there is one, and nobody over plain text.
    await assert.rejects(ctl("https", ...shown, "put", "a", "b"), /permission denied/);
    await ctl("http", root, "user", "add", connection, "--no-password");
    await ctl("http", root, "user", "grant-role", connection, "root");
    assert.equal((await ctl("https", ...shown, "put", "a", "b")).trim(), "OK");
    assert.equal((await ctl("https", ...shown, root, "put", "a", "b")).trim(), "OK");
    await requireGuarded();

    await set(null, "switching-off");
    await kube.requireSound(namespace, name, true);
    await requireGuarded();
    await assert.rejects(ctl("https", ...shown, "get", "a"), "TLS is off");

    await set({ client });
    await kube.requireSound(namespace, name, true);
    await set({ client: { ...made, plaintext: false } });
    await assert.rejects(ctl("http", root, "get", "a"), "plain text is refused");
    await complete("by-certificate");
    // Only who comes by certificate can make root's what the Secret says.
    const data = JSON.stringify({ stringData: { password: "another" } });
    await kube.kubectl(["-n", namespace, "patch", "secret", `${name}-root`, "-p", data]);
    await kube.until("root has another password", async () => {
      const args = [...shown, "--user=root:another", "get", "a", "--print-value-only"];
      const text = await ctl("https", ...args).catch(String);
      return text.trim() === "b" || text;
    });
  },
};

const peerSwitched: Case = {
  name: "peer-tls-switched",
  what: "TLS between members switched on, off and on under load, the operator killed while URLs change: no request fails, the same members, plain text refused at the end",
  async run({ kube, namespace, operator }) {
    const set = async (tls: object | null, whileOn: () => Promise<unknown>) => {
      await kube.api.patch(clusters, namespace, name, { spec: { tls } });
      await whileOn();
      return kube.updated(namespace, name, 3);
    };
    const nothing = async () => undefined;
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId, members: first } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const listed = async () => {
      const text = await kube.etcdctl(namespace, endpoint("http"), "member", "list");
      return [...text.matchAll(/(https?):[^,]*:2380/g)].map(([, scheme]) => scheme);
    };
    const kept = async () => {
      const { items } = await kube.api.list(members, { namespace });
      return items.map(({ spec }) => new URL(spec.peerUrl).protocol.replace(":", ""));
    };
    /** What the peer ports answer in plain text. */
    const plain = () =>
      Promise.all(
        ["db-1", "db-2", "db-3"].map((member) =>
          kube.fetchFromProbe(namespace, `http://${member}.${name}-peers:2380/version`),
        ),
      );
    const requireAll = async (scheme: "http" | "https") => {
      await kube.requireSound(namespace, name, true);
      assert.deepEqual(await listed(), [scheme, scheme, scheme]);
      await kube.until("EtcdMembers tell the URLs", async () => {
        const told = await kept();
        return told.every((one) => one === scheme) || told.join();
      });
      if (scheme === "https") await assert.rejects(plain(), "plain text is refused");
      else for (const one of await plain()) assert.match(one, /etcdserver/);
      const { clusterId: id, members: now } = await kube.status(namespace, name);
      const idsOf = (all: typeof first) => all?.map((one) => one.id);
      assert.deepEqual([id, idsOf(now)], [clusterId, idsOf(first)]);
    };
    await set({ peer: made }, async () => {
      await kube.until("the first is known by TLS", async () => {
        const schemes = await listed();
        return schemes.includes("https") || schemes.join();
      });
      await operator.kill();
    });
    await requireAll("https");
    await set(null, nothing);
    await requireAll("http");
    await set({ peer: made }, nothing);
    await requireAll("https");
    // One that joins later is known by TLS from the start.
    await kube.scale(namespace, name, 4);
    await kube.settled(namespace, name, 4);
    await kube.requireSound(namespace, name, true);
    assert.deepEqual(await listed(), ["https", "https", "https", "https"]);
  },
};

const toggled: Case = {
  name: "tls-changed-midway",
  what: "spec.tls.client taken away while it is being switched on and while plain text is being given up, then taken from a Secret of another CA: who uses the connection Secret is never refused, which says at any time what all members serve; no quorum is ever missed",
  isLong: true,
  async run({ kube, namespace }) {
    const client = { ...made, plaintext: true };
    const connectionSecret = { name: connection };
    const set = (tls: object | null) =>
      kube.api.patch(clusters, namespace, name, { spec: { tls } });
    /** What each member that is there serves. */
    const served = async () => {
      const labels = `etcd-ts.dev/cluster=${name},etcd-ts.dev/member`;
      const { items } = await kube.api.list(pods, { namespace, labels });
      return items.map((one) => clientSchemesIn(argumentsOf(one)));
    };
    const told = async () => {
      const { data = {} } = await kube.api.get(secrets, namespace, connection);
      return Buffer.from(data["endpoints"] ?? "", "base64").toString();
    };
    const firstServes = (schemes: string) =>
      kube.until(`the first serves ${schemes}`, async () => {
        const all = (await served()).map((one) => one.join("+"));
        return all.includes(schemes) || all.join();
      });
    const faults: string[] = [];
    const watching = new AbortController();
    const watch = async () => {
      while (!watching.signal.aborted) {
        const [scheme = ""] = (await told()).split(":");
        const now = await served();
        if (now.some((one) => !one.some((each) => each === scheme))) {
          faults.push(`the Secret says ${scheme}, members serve ${JSON.stringify(now)}`);
        }
        const { plan, conditions = [] } = await kube.status(namespace, name);
        if (plan?.["noQuorumSinceMs"] !== undefined) faults.push("no quorum answers");
        for (const { type, status, reason, message } of conditions) {
          // The one that is being restarted.
          const isOne = reason === "MembersAway" && !message.includes(", ");
          if (type === "Degraded" && status === "True" && !isOne) faults.push(message);
        }
        await sleep(300);
      }
    };
    const plain = async () => {
      await kube.updated(namespace, name, 3);
      assert.deepEqual(await served(), [["http"], ["http"], ["http"]]);
      assert.match(await told(), /^http:/);
      await kube.requireSound(namespace, name, true);
      const { plan } = await kube.status(namespace, name);
      assert.deepEqual([plan?.["clientTls"], plan?.["clientBridge"]], [undefined, undefined]);
    };
    const work = async (clusterId: string | undefined) => {
      // Some serve both, the others plain text.
      await set({ client });
      await firstServes("https+http");
      await set(null);
      await plain();
      // Plain text given up before all have TLS; taken away when none has anything else.
      await set({ client });
      await firstServes("https+http");
      await set({ client: { ...made, plaintext: false } });
      await kube.updated(namespace, name, 3);
      assert.deepEqual(await served(), [["https"], ["https"], ["https"]]);
      assert.match(await told(), /^https:/);
      await set({ client });
      await set(null);
      await plain();
      // Another CA, named while the first has just got this one.
      const authority = await makeAuthority("other", hourMs, Date.now());
      const names = [
        `${name}-client.${namespace}.svc`,
        `${name}-client.${namespace}.svc.cluster.local`,
      ];
      const pair = await issue(
        authority,
        {
          commonName: "members",
          names: [...names, `*.${name}-peers.${namespace}.svc.cluster.local`],
          validityMs: hourMs,
        },
        Date.now(),
      );
      await kube.apply({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "other", namespace },
        stringData: { "ca.crt": authority.cert, "tls.crt": pair.cert, "tls.key": pair.key },
      });
      await set({ client });
      await firstServes("https+http");
      await set({
        client: { operator: null, secret: { name: "other" }, clientAuth: false, plaintext: true },
      });
      assert.equal((await kube.updated(namespace, name, 3)).clusterId, clusterId);
      await kube.until(
        "the Secret says https",
        async () => (await told()).startsWith("https:") || "http",
      );
      await kube.requireSound(namespace, name, true);
    };
    await kube.applyCluster(namespace, name, { replicas: 3, connectionSecret });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, connection);
    const watched = watch().catch((error: unknown) => faults.push(String(error)));
    try {
      await work(clusterId);
    } finally {
      watching.abort();
      await watched;
    }
    assert.deepEqual(faults, []);
  },
};

export const securityCases: readonly Case[] = [
  tls,
  rotation,
  auth,
  switched,
  authSwitched,
  peerSwitched,
  toggled,
];
