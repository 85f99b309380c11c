// The v2 API against etcd 3.4, the last that served it: the same random requests to both, one after
// the other, get the same answers, byte for byte but for clocks and the order of unsorted lists; the
// same watches see the same events. Replay: V2_SEED=<seed> V2_CALLS=<n> node --test <this file>
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { referenceV2OrSkip } from "#test/reference/reference.ts";
import { V2Generator } from "./generator.ts";
import { ask, OpenWatch, type V2Answer, type V2Call } from "./http.ts";

const calls = Number(process.env["V2_CALLS"] ?? 1200);
const seed = Number(process.env["V2_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const maxWatches = 24;

/** Both servers, alone in their clusters, with empty trees. */
async function startBoth(t: TestContext): Promise<readonly [string, string] | undefined> {
  if ((await referenceV2OrSkip(t)) === undefined) return undefined;
  const clusters: Cluster[] = [];
  t.after(() => Promise.all(clusters.map((cluster) => cluster.stop())));
  const flags = ["--enable-v2"];
  for (const kind of ["ours", "reference-3.4"] as const) {
    clusters.push(await startCluster({ runner: "ours", runners: [kind], size: 1, flags }));
  }
  const [ours, theirs] = clusters.map((cluster) => cluster.members[0]!.clientUrl);
  for (const base of [ours!, theirs!]) {
    // Its own first writes are counted too.
    while ((await ask(base, { method: "GET", target: "/v2/keys" })).index !== "3");
  }
  return [ours!, theirs!];
}

interface JsonNode {
  ttl?: number;
  expiration?: string;
  nodes?: JsonNode[];
  key?: string;
}

/** The body without what clocks and unsorted lists make differ; `ttls` collects remaining times. */
function settled(body: string, sorted: boolean, ttls: number[]): unknown {
  if (!body.startsWith("{")) return body;
  const visit = (node: JsonNode | undefined): void => {
    if (node === undefined) return;
    if (node.ttl !== undefined) ttls.push(node.ttl);
    if (node.expiration !== undefined) {
      assert.match(node.expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$/);
      node.expiration = "some time";
      node.ttl = 1;
    }
    if (!sorted) node.nodes?.sort((a, b) => (a.key! < b.key! ? -1 : 1));
    node.nodes?.forEach(visit);
  };
  const lines = body.split("\n").map((line) => {
    if (line === "") return line;
    const event = JSON.parse(line) as { node?: JsonNode; prevNode?: JsonNode };
    visit(event.node);
    visit(event.prevNode);
    return event;
  });
  return /"(nodes|expiration)":/.test(body) ? JSON.stringify(lines) : body;
}

function compare(ours: V2Answer, theirs: V2Answer, sorted: boolean, what: string): void {
  const ttls: [number[], number[]] = [[], []];
  const plain = (one: V2Answer, at: 0 | 1) => ({
    ...one,
    body: settled(one.body, sorted, ttls[at]),
  });
  assert.deepEqual(plain(ours, 0), plain(theirs, 1), what);
  assert.equal(ttls[0].length, ttls[1].length, what);
  for (const [i, ttl] of ttls[0].entries()) {
    assert.ok(Math.abs(ttl - ttls[1][i]!) <= 1, `${what}: ttl ${ttl} and ${ttls[1][i]}`);
  }
}

test(`${calls} random requests are answered as by etcd 3.4`, async (t) => {
  const bases = await startBoth(t);
  if (bases === undefined) return;
  const both = <T>(run: (base: string) => Promise<T>) => Promise.all(bases.map(run));
  const generator = new V2Generator(seededRandom(seed));
  const random = seededRandom(seed + 1);
  const watches: { readonly target: string; readonly pair: OpenWatch[] }[] = [];
  const past: string[] = [];
  const where = (): string => `V2_SEED=${seed} V2_CALLS=${calls}\n${past.slice(-8).join("\n")}`;
  const endWatch = async ({ target, pair }: (typeof watches)[number]): Promise<void> => {
    const [ours, theirs] = pair as [OpenWatch, OpenWatch];
    // Both have been told of all that was answered; what is still under way comes by itself.
    const lines = (text: string): number => text.split("\n").length;
    const expected = Math.max(lines(ours.text), lines(theirs.text));
    const late = setTimeout(() => {
      for (const one of pair) one.close();
    }, 3000);
    await Promise.all(pair.map((one) => one.until((text) => lines(text) >= expected)));
    clearTimeout(late);
    const view = (one: OpenWatch) => ({
      status: one.status,
      index: one.index,
      text: settled(one.text, true, []),
    });
    assert.deepEqual(view(ours), view(theirs), `${where()}\nwatch ${target}`);
    for (const one of pair) one.close();
  };
  for (let i = 0; i < calls; i++) {
    if (random.chance(0.05)) {
      const target = generator.watch();
      past.push(`watch ${target}`);
      watches.push({ target, pair: await both((base) => OpenWatch.open(base, target)) });
      if (watches.length > maxWatches) await endWatch(watches.shift()!);
      continue;
    }
    const call: V2Call = generator.call();
    past.push(`${call.method} ${call.target} ${call.form ?? ""}`);
    const [ours, theirs] = await both((base) => ask(base, call));
    compare(ours!, theirs!, /sorted=(true|1|T)/.test(call.target), where());
    const index = Number(theirs!.index ?? 0);
    if (index > 0) generator.index = index;
  }
  for (const one of watches) await endWatch(one);
});

/** Calls in a row, and after each the events that the watches below have by then. */
const lives = (ttl: number): readonly V2Call[] => [
  { method: "PUT", target: "/v2/keys/l/short", form: `value=1&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/kept", form: `value=1&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/kept", form: "ttl=300&refresh=true&prevExist=true" },
  { method: "PUT", target: "/v2/keys/l/freed", form: `value=1&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/freed", form: "value=1&ttl=&prevExist=true" },
  { method: "PUT", target: "/v2/keys/l/dir", form: `dir=true&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/dir/in/it", form: "value=1" },
  { method: "PUT", target: "/v2/keys/l/swapped", form: `value=1&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/swapped", form: "value=2&prevValue=1" },
  { method: "PUT", target: "/v2/keys/l/refreshed", form: "ttl=5&refresh=true" },
  { method: "PUT", target: "/v2/keys/l/kept", form: "ttl=300&refresh=true" },
  { method: "POST", target: "/v2/keys/l/queue", form: `value=1&ttl=${ttl}` },
  { method: "PUT", target: "/v2/keys/l/at-once", form: "value=1&ttl=0" },
];

test("life times end as in etcd 3.4, in the same order and with the same events", async (t) => {
  // On a machine that is too busy for short lives, longer ones.
  for (const ttl of [1, 4, 16, 64]) {
    const bases = await startBoth(t);
    if (bases === undefined || (await endLives(bases, ttl))) return;
  }
  assert.fail("a dozen calls took more than a minute");
});

/** False if the calls took so long that a life of `ttl` seconds may have ended among them. */
async function endLives(bases: readonly [string, string], ttl: number): Promise<boolean> {
  const both = <T>(run: (base: string) => Promise<T>) => Promise.all(bases.map(run));
  const open = (target: string) => both((base) => OpenWatch.open(base, target));
  const watches = await Promise.all(
    [
      "/v2/keys/?wait=true&recursive=true&stream=true",
      "/v2/keys/l/dir/in/it?wait=true&stream=true&waitIndex=20",
      "/v2/keys/l/dir?wait=true&recursive=true&stream=true",
      "/v2/keys/l/short?wait=true&stream=true",
    ].map(open),
  );
  const close = (): void => {
    for (const pair of watches) for (const one of pair) one.close();
  };
  const begunMs = performance.now();
  const answers: V2Answer[][] = [];
  for (const call of lives(ttl)) answers.push(await both((base) => ask(base, call)));
  if (performance.now() - begunMs > 800 * ttl) {
    close();
    return false;
  }
  for (const [i, [ours, theirs]] of answers.entries()) compare(ours!, theirs!, true, `call ${i}`);
  // What is refused comes without one; then short, dir, queue and at-once end.
  const [all] = watches;
  const ended = (text: string): boolean => text.split('"action":"expire"').length > 4;
  await Promise.all(all!.map((one) => one.until(ended)));
  await both((base) => ask(base, { method: "PUT", target: "/v2/keys/end", form: "value=1" }));
  await Promise.all(all!.map((one) => one.until((text) => text.includes('"/end"'))));
  for (const [i, pair] of watches.entries()) {
    const [ours, theirs] = pair.map((one) => settled(one.text, true, []));
    assert.deepEqual(ours, theirs, `watch ${i}`);
  }
  close();
  const target = "/v2/keys?recursive=true&sorted=true";
  const [ours, theirs] = await both((base) => ask(base, { method: "GET", target }));
  compare(ours!, theirs!, true, "in the end");
  return true;
}

// Takes 2,000 calls one after the other; server/v2store tests the same by itself.
if (process.env["V2_LONG"] === "1") {
  test("a history of a thousand events, and what is older", async (t) => {
    const bases = await startBoth(t);
    if (bases === undefined) return;
    const both = <T>(run: (base: string) => Promise<T>) => Promise.all(bases.map(run));
    for (let i = 0; i < 1010; i++) {
      await both((base) =>
        ask(base, { method: "PUT", target: `/v2/keys/h${i % 3}`, form: `value=${i}` }),
      );
    }
    for (const since of [1, 13, 14, 15, 1012, 1013]) {
      const target = `/v2/keys?wait=true&recursive=true&waitIndex=${since}`;
      const [ours, theirs] = await both((base) => ask(base, { method: "GET", target }));
      compare(ours!, theirs!, true, target);
    }
  });
}
