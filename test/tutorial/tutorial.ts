// npm run test:tutorial: what tutorials of etcd tell their readers to type, old and new, with our
// binaries: a Procfile, single-dash flags, ports 4001 and 7001, both lives of etcdctl, curl, the table of
// settings as flags, variables and file, and a Go program. Needs curl and go.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts, referenceOrSkip } from "#test/reference/reference.ts";
import { Shell } from "./shell.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tutorial-"));
const shell = new Shell(folder);
const ready = /ready to serve client requests/;
after(() => {
  shell.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Lines, and what each says; a number is its exit code, where it is not 0. */
type Session = readonly (readonly [line: string, says: RegExp | string, code?: number])[];

async function play(session: Session, env: NodeJS.ProcessEnv = {}): Promise<void> {
  for (const [line, says, code = 0] of session) {
    const said = await shell.run(line, env);
    const what = `${line}\n${said.text}`;
    if (typeof says === "string") assert.equal(said.text, says, what);
    else assert.match(said.text, says, what);
    assert.equal(said.code, code, what);
  }
}

/** The address of the tutorial, or another where its ports are taken. */
async function address(port: number): Promise<string> {
  const taken = await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
  return `127.0.0.1:${taken ? (await freePorts(1))[0] : port}`;
}

test("a cluster by Procfile, its state, and the Go program", async () => {
  const ports = await freePorts(6);
  const given = ["2379", "2380", "2479", "2480", "2579", "2580"];
  let procfile = readFileSync(join(root, "Procfile"), "utf8");
  for (const [i, port] of given.entries())
    procfile = procfile.replaceAll(`:${port}`, `:${ports[i]}`);
  const lines = [...procfile.matchAll(/^\w+: (.*)$/gm)].map(([, line = ""]) =>
    line.replace(/^bin\/etcd /, "etcd --enable-v2 "),
  );
  assert.equal(lines.length, 3);
  const members = await Promise.all(lines.map((line) => shell.start(line, ready)));
  const clients = [0, 2, 4].map((i) => `http://127.0.0.1:${ports[i]}`);
  const endpoints = clients.join(",");
  await play(
    [
      ["etcdctl endpoint health", /(.*is healthy.*\n){3}/],
      [
        "etcdctl endpoint status --cluster -w table",
        /ENDPOINT.*\n(.*\n)*.*(.*127\.0\.0\.1.*\n){3}/,
      ],
      ["etcdctl member list", /(.*, started, node\d, .*\n){3}/],
      ["etcdctl put foo bar", "OK\n"],
      ["etcdctl get foo", "foo\nbar\n"],
      ["etcdctl del foo", "1\n"],
    ],
    { ETCDCTL_API: "3", ETCDCTL_ENDPOINTS: endpoints },
  );
  await play(
    [
      [
        "etcdctl cluster-health",
        /(member .* is healthy: got healthy result .*\n){3}cluster is healthy\n$/,
      ],
      ["etcdctl member list", /(.*: name=node\d peerURLs=.* isLeader=(true|false)\n){3}/],
    ],
    { ETCDCTL_API: "2", ETCDCTL_ENDPOINTS: endpoints },
  );
  const goFolder = join(root, "test/clients/go");
  await play([
    [`cd ${goFolder} && nice go build -o ${folder}/tutorial ./tutorial`, ""],
    [`./tutorial ${clients.join(" ")}`, "equal\n"],
  ]);
  for (const member of members) await member.stop();
});

test("members with single-dash flags, as in containers; one joins and leaves", async () => {
  const ports = await freePorts(8);
  const peers = [0, 1, 2].map((i) => `node${i + 1}=http://127.0.0.1:${ports[2 * i + 1]}`).join(",");
  const line = (i: number, cluster: string, state: string): string => {
    const [client, peer] = [
      `http://127.0.0.1:${ports[2 * i]}`,
      `http://127.0.0.1:${ports[2 * i + 1]}`,
    ];
    return `etcd -name node${i + 1} -data-dir node${i + 1} -enable-v2 -advertise-client-urls ${client} -initial-advertise-peer-urls ${peer} -listen-client-urls ${client} -listen-peer-urls ${peer} -initial-cluster-token etcd-cluster -initial-cluster "${cluster}" -initial-cluster-state ${state}`;
  };
  const members = await Promise.all(
    [0, 1, 2].map((i) => shell.start(line(i, peers, "new"), ready)),
  );
  for (const i of [0, 1, 2]) {
    await play([["etcdctl member list", /(.*, started, node\d, .*\n){3}/]], {
      ETCDCTL_ENDPOINTS: `http://127.0.0.1:${ports[2 * i]}`,
    });
  }
  const env = { ETCDCTL_API: "2", ETCDCTL_ENDPOINTS: `http://127.0.0.1:${ports[0]}` };
  const peer = `http://127.0.0.1:${ports[7]}`;
  let added = await shell.run(`etcdctl member add node4 ${peer}`, env);
  // Members take nobody in before they have been connected for five seconds.
  while (added.text.includes("has no leader")) {
    added = await shell.run(`etcdctl member add node4 ${peer}`, env);
  }
  assert.match(
    added.text,
    /^Added member named node4 with ID ([0-9a-f]+) to cluster\n\nETCD_NAME="node4"\n/,
  );
  const id = /ID ([0-9a-f]+)/.exec(added.text)?.[1];
  // What it printed is what starts it.
  const cluster = /ETCD_INITIAL_CLUSTER="(.*)"/.exec(added.text)?.[1] ?? "";
  members.push(await shell.start(line(3, cluster, "existing"), ready));
  await play(
    [
      ["etcdctl member list", /(.*: name=node\d peerURLs=.*\n){4}/],
      [`etcdctl member update ${id} ${peer}`, `Updated member with ID ${id} in cluster\n`],
      [`etcdctl member remove ${id}`, `Removed member ${id} from cluster\n`],
      ["etcdctl member list", /^(.*: name=node\d peerURLs=.*\n){3}$/],
    ],
    env,
  );
  for (const member of members) await member.stop();
});

test("port 4001: etcdctl's v2 commands, and curl", async () => {
  const [client, peer] = [await address(4001), await address(7001)];
  const member = await shell.start(
    `etcd -name old -data-dir old -addr ${client} -peer-addr=${peer} -enable-v2`,
    ready,
  );
  assert.match(member.text(), /-addr: of etcd 0\.4; write --listen-client-urls=/);
  const json = `{"name": "a \\"quoted\\" b"}`;
  const env = { ETCDCTL_API: "2", ETCDCTL_ENDPOINTS: `http://${client}` };
  await play(
    [
      ["etcdctl -v", /^etcdctl version: .*\nAPI version: 2\n$/],
      ["etcdctl -h", /Commands:\n(.*\n)*.*set/],
      ["etcdctl set /testdir/testkey 'Hello world'", "Hello world\n"],
      [`etcdctl set /json '${json}'`, `${json}\n`],
      ["etcdctl get /json", `${json}\n`],
      ["etcdctl set /testdir/testkey 'Hello' --ttl '100'", "Hello\n"],
      ["etcdctl set /testdir/testkey new --swap-with-value 'Hello'", "new\n"],
      ["etcdctl mk /testdir/testkey again", /^Error: {2}105: Key already exists/, 4],
      ["etcdctl update /testdir/testkey newer", "newer\n"],
      ["etcdctl update /absent x", /^Error: {2}100: Key not found/, 4],
      ["etcdctl rm /testdir/testkey", "PrevNode.Value: newer\n"],
      ["etcdctl mkdir /dir1", ""],
      ["etcdctl setdir /dir2", ""],
      ["etcdctl updatedir /dir1 --ttl 100", ""],
      ["etcdctl set /dir1/key 1", "1\n"],
      ["etcdctl rmdir /dir1", /^Error: {2}108: Directory not empty/, 4],
      ["etcdctl ls --sort", "/dir1\n/dir2\n/json\n/testdir\n"],
      ["etcdctl ls --recursive --sort /dir1", "/dir1/key\n"],
      ["etcdctl rm --recursive /dir1", ""],
      ["etcdctl rmdir /dir2", ""],
    ],
    env,
  );
  const heard = (line: string) => shell.start(line, /sh -c|cURL/, env);
  const forever = await heard("etcdctl --debug --no-sync watch /w --forever");
  const recursive = await heard(
    "etcdctl --debug --no-sync exec-watch --recursive /w -- sh -c 'echo ran $ETCD_WATCH_ACTION'",
  );
  const single = await heard("etcdctl --debug --no-sync exec-watch /w -- sh -c 'ls -d /'");
  // The command says what it asks before the server hears it: written until it is heard.
  for (const [watch, says] of [
    [forever, /^seen$/m],
    [recursive, /^ran set$/m],
    [single, /^\/$/m],
  ] as const) {
    while (!says.test(watch.text())) await shell.run("etcdctl set /w seen", env);
    await watch.stop();
  }
  const keys = `http://${client}/v2/keys`;
  writeFileSync(join(folder, "upfile"), "the file's text & more\n");
  await play([
    [`curl -s ${keys}/testkey -XPUT -d value='testvalue'`, /"action":"set".*"value":"testvalue"/],
    [`curl -s ${keys}/testkey -XPUT -d value='testvalue' -d ttl=500`, /"ttl":500/],
    [`curl -s ${keys}/testkey`, /"action":"get"/],
    [`curl -s http://${client}/version`, /"etcdserver":"3\.\d+\.\d+"/],
    [`curl -s ${keys}/testkey -XDELETE`, /"action":"delete"/],
    [`curl -s ${keys}/queue -XPOST -d value=Job1`, /"key":"\/queue\/\d{20}"/],
    [`curl -s '${keys}/queue?recursive=true&sorted=true'`, /"nodes":\[/],
    [`curl -s ${keys}/dir -XPUT -d dir=true`, /"dir":true/],
    [`curl -s '${keys}/dir?dir=true' -XDELETE`, /"action":"delete"/],
    [`curl -s '${keys}/queue?recursive=true' -XDELETE`, /"action":"delete"/],
    [`curl -s '${keys}/?recursive=true'`, /"action":"get"/],
    [
      `curl -s ${keys}/message -XPUT --data-urlencode value@upfile`,
      /"value":"the file's text \\u0026 more\\n"/,
    ],
    [
      `curl -s '${keys}/message?wait=true' & sleep 1; while kill -0 $! 2>/dev/null; do curl -s -o /dev/null ${keys}/message -XPUT -d value=new; done; wait`,
      /"action":"set".*"value":"new"/,
    ],
  ]);
  await member.stop();
});

test("a cluster by a discovery URL", async () => {
  const ports = await freePorts(8);
  const url = (at: number): string => `http://127.0.0.1:${ports[at]}`;
  const registry = `${url(0)}/v2/keys/_etcd/registry/tutorial`;
  const service = await shell.start(
    `etcd -name service -data-dir service -enable-v2 -listen-client-urls ${url(0)} -advertise-client-urls ${url(0)} -listen-peer-urls ${url(1)} -initial-advertise-peer-urls ${url(1)} -initial-cluster service=${url(1)}`,
    ready,
  );
  await play([[`curl -s -X PUT ${registry}/_config/size -d value=3`, /"value":"3"/]]);
  const members = await Promise.all(
    [1, 2, 3].map((i) => {
      const [client, peer] = [url(2 * i), url(2 * i + 1)];
      return shell.start(
        `etcd -name found${i} -data-dir found${i} -initial-advertise-peer-urls ${peer} -listen-peer-urls ${peer} -listen-client-urls ${client} -advertise-client-urls ${client} -discovery ${registry}`,
        ready,
      );
    }),
  );
  await play([["etcdctl member list", /(.*, started, found\d, .*\n){3}/]], {
    ETCDCTL_ENDPOINTS: url(2),
  });
  for (const member of [...members, service]) await member.stop();
});

test("settings as variables, and in the service's file", async () => {
  const [client, peer] = await freePorts(2);
  const settings: Readonly<Record<string, string>> = {
    ETCD_NAME: "conf",
    ETCD_DATA_DIR: join(folder, "conf"),
    ETCD_WAL_DIR: join(folder, "conf-wal"),
    ETCD_LISTEN_CLIENT_URLS: `http://127.0.0.1:${client}`,
    ETCD_ADVERTISE_CLIENT_URLS: `http://127.0.0.1:${client}`,
    ETCD_LISTEN_PEER_URLS: `http://127.0.0.1:${peer}`,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: `http://127.0.0.1:${peer}`,
    ETCD_INITIAL_CLUSTER: `conf=http://127.0.0.1:${peer}`,
    ETCD_INITIAL_CLUSTER_TOKEN: "tutorial",
    ETCD_INITIAL_CLUSTER_STATE: "new",
  };
  const env = { ETCDCTL_ENDPOINTS: `http://127.0.0.1:${client}` };
  const byVariables = await shell.start("etcd", ready, settings);
  await play([["etcdctl member list", /started, conf/]], env);
  await byVariables.stop();
  const file = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  writeFileSync(join(folder, "etcd.conf"), file.join(""));
  const byFile = await shell.start("set -a; . ./etcd.conf; exec etcd", ready);
  await play([["etcdctl member list", /started, conf/]], env);
  await byFile.stop();
});

test("check datascale, in the words of the reference's etcdctl", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const [client, peer] = await freePorts(2);
  const urls = `-listen-client-urls http://127.0.0.1:${client} -advertise-client-urls http://127.0.0.1:${client} -listen-peer-urls http://127.0.0.1:${peer}`;
  const member = await shell.start(`etcd -data-dir checked ${urls}`, ready);
  const env = { ETCDCTL_ENDPOINTS: `http://127.0.0.1:${client}` };
  const said = async (etcdctl: string, words: string): Promise<string> => {
    // The reference's bar is on stderr.
    const { code, text } = await shell.run(`${etcdctl} ${words} 2>/dev/null`, env);
    const told = text.replace(/revision \d+/g, "revision N").replace(/: -?[\d.]+ MB/, ": N MB");
    return `${code} ${told}`;
  };
  for (const words of [
    "check datascale",
    "check datascale --load small --prefix there/ --auto-compact --auto-defrag",
  ]) {
    const theirs: string = await said(reference.etcdctl, words);
    const ours: string = await said("etcdctl", words);
    assert.equal(ours, theirs, words);
    assert.match(ours, /^0 .*PASS/s, words);
    await play([["etcdctl get --prefix '' --count-only -w fields", /"Count" : 0\n/]], env);
  }
  await member.stop();
});
