// Runs in a pod beside a cluster: writes one key after the other through its client Service, each with a deadline,
// and answers over HTTP what came of it. GET /report reads every acknowledged key back; GET /hashes?members=HOST,…
// asks each member, by host name or URL, for the hash of its keys at one revision. In the store's image, whose own
// client it uses; as a process of this machine with that of PROBE_HOME, and its own port by PROBE_LISTEN. With
// PROBE_USER, a name and a password around a colon, it logs in. A folder is the Secret that tells applications how to
// connect, as it is mounted: it is read again before each write.
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createServer } from "node:http";

const home = process.env["PROBE_HOME"] ?? "/opt/etcd-ts";
const port = Number(process.env["PROBE_LISTEN"] ?? 8080);
const { EtcdClient } = await import(`${home}/client/client.ts`);
const { seededRandom } = await import(`${home}/base/random.ts`);
const { systemClock } = await import(`${home}/base/system-clock.ts`);

const [urls = "", deadlineText = "10000", folder = ""] = process.argv.slice(2);
const deadlineMs = Number(deadlineText);
const pauseMs = 200;
const ports = { clock: systemClock, random: seededRandom(process.pid) };

/** How to connect as it is mounted now: all of one state, for the kubelet changes them together. */
const secretsNow = () => {
  if (folder === "") return { endpoints: urls.split(",") };
  const data = `${folder}/..data`;
  const now = existsSync(data) ? realpathSync(data) : folder;
  const read = (name: string) => readFileSync(`${now}/${name}`);
  const endpoints = existsSync(`${now}/endpoints`) ? String(read("endpoints")).split(",") : [urls];
  if (!existsSync(`${now}/ca.crt`)) return { endpoints };
  const pair = existsSync(`${now}/tls.crt`) ? { cert: read("tls.crt"), key: read("tls.key") } : {};
  return { endpoints, tls: { ca: read("ca.crt"), ...pair } };
};
const [user = "", ...password] = (process.env["PROBE_USER"] ?? "").split(":");
const logIn = async (one: typeof client): Promise<void> => {
  if (user !== "") await one.authenticate(user, password.join(":"), { timeoutMs: deadlineMs });
};
let secrets = secretsNow();
let client = new EtcdClient({ callTimeoutMs: deadlineMs, ...ports, ...secrets });
let isLoggedIn = user === "";
let reloads = 0;

/** As an application that rereads what is mounted: connections are made anew, so that each is judged. */
function reload(): void {
  if (folder === "") return;
  const now = secretsNow();
  if (JSON.stringify(now) !== JSON.stringify(secrets)) reloads++;
  secrets = now;
  client.close();
  client = new EtcdClient({ callTimeoutMs: deadlineMs, ...ports, ...secrets });
  isLoggedIn = user === "";
}

/** Revision at which each key was acknowledged. */
const acknowledged = new Map<string, number>();
const failures: string[] = [];
let longestMs = 0;
let next = 0;

/** Within its deadline a write may be tried again: what is written is always the same. */
async function write(key: string): Promise<void> {
  const began = Date.now();
  for (;;) {
    const leftMs = began + deadlineMs - Date.now();
    try {
      if (!isLoggedIn) await logIn(client);
      isLoggedIn = true;
      const { header } = await client.kv.put(key, key, {}, { timeoutMs: Math.max(1, leftMs) });
      acknowledged.set(key, header?.revision ?? 0);
      break;
    } catch (error) {
      isLoggedIn = user === "";
      if (Date.now() - began >= deadlineMs) {
        failures.push(`${new Date().toISOString()} ${key}: ${String(error)}`);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  longestMs = Math.max(longestMs, Date.now() - began);
}

async function report(): Promise<object> {
  const keys = [...acknowledged];
  const client = new EtcdClient({
    callTimeoutMs: 30_000,
    ...ports,
    ...secretsNow(),
  });
  await logIn(client);
  const missing: string[] = [];
  let clusterId = "";
  for (const [key, revision] of keys) {
    const { kvs, header } = await client.kv.range(key, {}, { timeoutMs: 30_000 });
    clusterId = header?.clusterId.toString(16) ?? "";
    if (kvs[0]?.modRevision !== revision) missing.push(key);
  }
  client.close();
  return {
    acknowledged: keys.length,
    missing,
    failures: failures.slice(0, 20),
    longestMs,
    clusterId,
  };
}

async function hashes(members: readonly string[]): Promise<object> {
  const secrets = secretsNow();
  const [scheme] = (secrets.endpoints[0] ?? "").split(":");
  const asked = members.map(
    (host) =>
      new EtcdClient({
        callTimeoutMs: 30_000,
        ...ports,
        ...secrets,
        endpoints: [host.includes("://") ? host : `${scheme}://${host}:2379`],
      }),
  );
  try {
    await Promise.all(asked.map(logIn));
    // A linearizable read of each: by then it has applied what was acknowledged. All at a revision that all have.
    const reads = await Promise.all(
      asked.map((one) => one.kv.range("probe", { countOnly: true }, { timeoutMs: 30_000 })),
    );
    const revision = Math.min(...reads.map(({ header }) => header?.revision ?? 0));
    const answers = await Promise.all(
      asked.map(async (one, at) => {
        const { hash } = await one.maintenance.hashKv(revision, { timeoutMs: 30_000 });
        return [members[at], hash] as const;
      }),
    );
    return { revision, hashes: Object.fromEntries(answers) };
  } finally {
    for (const one of asked) one.close();
  }
}

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://probe");
  const work =
    pathname === "/report"
      ? report()
      : pathname === "/hashes"
        ? hashes((searchParams.get("members") ?? "").split(","))
        : Promise.resolve({
            acknowledged: acknowledged.size,
            failures: failures.length,
            longestMs,
            reloads,
          });
  work.then(
    (body) => response.end(JSON.stringify(body)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(port);
process.on("SIGTERM", () => process.exit(0));

for (;;) {
  reload();
  await write(`probe/${next++}`);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
