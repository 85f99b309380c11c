// What is asked of a member's client port without gRPC: the JSON gateway and its WebSocket, the v2 API,
// and everything else that HTTP/1.1 reaches. Whatever comes, the member answers the next one.
import { Buffer } from "node:buffer";
import type { Random } from "#base/random.ts";
import { jsonMethods } from "#proto/gen/json-tables.ts";
import { readJson } from "#proto/json-read.ts";
import { JsonValues } from "#proto/json-values.ts";
import { writeJson } from "#proto/json-write.ts";
import { gatewayRoutes } from "#server/api/gateway/routes.ts";
import { bend, MessageGenerator, pick, someBytes, someNumber, someText } from "../generate.ts";
import { exchange, type RequestParts, someRequest, statusOf } from "../raw-http.ts";
import { Renewed, ServedMember } from "../served-member.ts";
import { assertClear, Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { readWireSchema } from "../wire-schema.ts";

const generator = new MessageGenerator(readWireSchema(), (field, random) => {
  if (random.chance(0.2)) return undefined;
  if (field.name === "TTL") return 9000n;
  if (/^(key|range_end)$/.test(field.name)) return pick(random, ["a", "b", "\0", "key"]);
  return field.name === "peerURLs" ? "x" : undefined;
});
const routes = [...gatewayRoutes];

const junk: readonly string[] = [
  ...["[", "{", "}", "null", "1e400", '"\\ud800"', '{"key":', "[[[[[[[[", "\u00ff", "-", '""', "0"],
  ...['{"__proto__":{"a":1}}', '{"key":"!!"}', '{"limit":"9223372036854775808"}', " \n", "{}{}{}"],
];

/** JSON of a type; right, with odd pieces within, or bent. */
function someJson(type: string, random: Random): Buffer {
  const name = type.split(".").at(-1)!;
  let text = writeJson(type, generator.message(name, random));
  if (random.chance(0.1)) text = pick(random, junk);
  if (random.chance(0.05)) text = `{"${pick(random, ["success", "x"])}":[${text}]}`;
  if (random.chance(0.05)) text += text;
  if (random.chance(0.01))
    text = '{"success":[{"requestTxn":'.repeat(50 + random.below(200)) + text;
  const bytes = Buffer.from(text);
  return random.chance(0.4) ? bend(bytes, random, Buffer.from(pick(random, junk))) : bytes;
}

/** Cutting and reading alone: the same however it is cut, and refused in words of JSON only. */
function playText(random: Random, tally: Tally): void {
  const { input } = pick(random, Object.values(jsonMethods));
  const json = Buffer.concat([someJson(input, random), someJson(input, random)]);
  const whole = read(input, [json]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < json.length; ) {
    const end = at + 1 + random.below(9);
    pieces.push(json.subarray(at, end));
    at = end;
  }
  const parts = read(input, pieces);
  tally.add(whole.at(-1)?.startsWith("refused") === true ? "refused" : "served");
  if (whole.join("\n") !== parts.join("\n"))
    throw new Finding(`${input} reads otherwise in pieces: ${json.toString("hex")}`);
}

function read(type: string, pieces: readonly Buffer[]): readonly string[] {
  const out: string[] = [];
  const values = new JsonValues(1 << 20);
  const take = (json: Buffer): boolean => {
    const message = readJson(type, json);
    // What was read can be written.
    out.push(message.toString("hex"), writeJson(type, message));
    return true;
  };
  try {
    for (const piece of pieces) values.push(piece, take);
    values.end(take);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MALFORMED_JSON") throw error;
    out.push(`refused: ${(error as Error).message}`);
  }
  return out;
}

function gatewayRequest(random: Random): RequestParts {
  const [path, method] = pick(random, routes);
  const body = someJson(jsonMethods[method]!.input, random);
  return { method: random.chance(0.97) ? "POST" : pick(random, methods), path, body };
}

const methods = [
  "GET",
  "HEAD",
  "PUT",
  "POST",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "TRACE",
  "CONNECT",
  "x",
];
const paths = [
  ...[
    "/",
    "/health",
    "/health?serializable=true",
    "/livez",
    "/readyz?verbose&exclude=x",
    "/metrics",
  ],
  ...["/version", "/debug/vars", "/debug/pprof/profile?seconds=x", "/v3/kv/range", "/v3", "*"],
  ...[
    "/readyz/ping",
    "//",
    "/%",
    "/%00",
    "http://h/health",
    "/v3/watch",
    "/v2/keys",
    "/../etc/passwd",
  ],
];

function plainRequest(random: Random): RequestParts {
  let path = pick(random, paths);
  if (random.chance(0.2)) path += `/${encodeURIComponent(someText(random))}`.slice(0, 9000);
  if (random.chance(0.2)) path += `?${encodeURIComponent(someText(random))}=%zz`.slice(0, 9000);
  const body = random.chance(0.3) ? someBytes(random, 300) : Buffer.alloc(0);
  return { method: pick(random, methods), path, body };
}

const v2Paths = [
  "/v2/keys",
  "/v2/members",
  "/v2/stats",
  "/v2/auth",
  "/v2/machines",
  "/v2/admin",
  "/v2",
];
const v2Names = [
  "a",
  "b",
  "a/b",
  "a/b/c",
  "_h",
  "..",
  "%2e%2e",
  "%00",
  "self",
  "leader",
  "users",
  "x/",
];
const v2Options = [
  ...["recursive", "sorted", "quorum", "wait", "waitIndex", "stream", "dir", "ttl", "prevValue"],
  ...["prevIndex", "prevExist", "value", "refresh", "noValueOnSuccess", "name", "x"],
];
const v2Values = [
  "true",
  "false",
  "",
  "1",
  "-1",
  "0",
  "99999999999999999999",
  "x",
  "%zz",
  "%ff",
  "a;b",
];

function form(random: Random): string {
  const pairs = Array.from({ length: random.below(5) }, () => {
    const value = random.chance(0.8)
      ? pick(random, v2Values)
      : encodeURIComponent(String(someNumber(random)));
    return `${pick(random, v2Options)}=${value}`;
  });
  return pairs.join("&");
}

function v2Request(random: Random): RequestParts {
  let path = pick(random, random.chance(0.7) ? v2Paths.slice(0, 1) : v2Paths);
  for (let more = random.below(4); more > 0; more--) path += `/${pick(random, v2Names)}`;
  if (random.chance(0.6)) path += `?${form(random)}`;
  const method = random.chance(0.9) ? pick(random, methods.slice(0, 5)) : pick(random, methods);
  const kind = random.below(3);
  if (kind === 0) return { method, path, body: Buffer.alloc(0) };
  const type = kind === 1 ? "application/x-www-form-urlencoded" : "application/json";
  const json = pick(random, [
    '{"user":"u","password":"p"}',
    '{"peerURLs":["http://h:1"]}',
    ...junk,
  ]);
  let body = Buffer.from(kind === 1 ? form(random) : json);
  if (random.chance(0.2)) body = Buffer.from(bend(body, random));
  return { method, path, type, body };
}

/** Frames of a WebSocket: right ones, control ones, lies about lengths. */
function someFrames(random: Random, texts: readonly Buffer[]): Buffer {
  const frames = texts.map((text) => {
    const opcode = random.chance(0.8) ? 1 : random.below(16);
    const head = Buffer.alloc(4);
    head[0] = (random.chance(0.9) ? 0x80 : 0) | opcode | (random.chance(0.97) ? 0 : 0x70);
    const masked = random.chance(0.97) ? 0x80 : 0;
    head[1] = masked | 126;
    head.writeUInt16BE(
      random.chance(0.95) ? Math.min(text.length, 65_535) : random.below(65_536),
      2,
    );
    return Buffer.concat([head, masked === 0 ? Buffer.alloc(0) : Buffer.alloc(4), text]);
  });
  return Buffer.concat(frames);
}

function webSocket(random: Random): readonly Buffer[] {
  const [path, method] = pick(random, routes);
  const head = [
    `GET ${random.chance(0.7) ? "/v3/watch" : path} HTTP/1.1`,
    ...["Host: h", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
    ...[
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      random.chance(0.2) ? "Origin: http://o" : "X: y",
    ],
  ].join("\r\n");
  const { input } = jsonMethods[method]!;
  const texts = Array.from({ length: random.below(6) }, () => someJson(input, random));
  let frames = someFrames(random, texts);
  if (random.chance(0.3)) frames = Buffer.from(bend(frames, random));
  return [Buffer.from(`${head}\r\n\r\n`), frames];
}

type Make = (random: Random) => readonly Buffer[];

class HttpRounds implements Rounds {
  private readonly members: Renewed<ServedMember>;
  private readonly make: Make;
  private served: ServedMember | undefined;

  constructor(make: Make, flags: readonly string[]) {
    this.make = make;
    this.members = new Renewed(() => ServedMember.start(flags), 2000);
  }

  async play(random: Random, tally: Tally): Promise<void> {
    const served = await this.members.get();
    this.served = served;
    const url = served.member.clientUrl;
    const asked = Array.from({ length: 1 + random.below(8) }, () => this.make(random));
    const answers = await Promise.all(asked.map((parts) => exchange(url, parts)));
    for (const [at, answer] of answers.entries()) {
      const status = statusOf(answer);
      tally.add("requests");
      tally.add(status >= 400 ? "refused" : status === 0 ? "silence" : "served");
      tally.add(`status ${status}`);
      const shown = Buffer.concat(asked[at]!).subarray(0, 300).toString("hex");
      // Metrics name what Node has; everybody else must not.
      if (!answer.includes("nodejs_")) assertClear(answer.toString("latin1"), shown);
    }
    served.assertSound();
    const alive = await this.version(url);
    if (alive !== 200) throw new Finding(`the member answers ${alive} for its version`);
    if (random.chance(0.1) && (await this.isOver(url))) {
      tally.add("begun again");
      await this.members.drop();
    }
  }

  /** Requests may take the quorum away, by etcd's rules. */
  private async isOver(url: string): Promise<boolean> {
    const answer = await fetch(`${url}/v3/cluster/member/list`, { method: "POST", body: "{}" });
    const { members } = (await answer.json()) as { readonly members?: readonly unknown[] };
    return members === undefined || members.length > 1;
  }

  private async version(url: string): Promise<number> {
    const { status } = await fetch(`${url}/version`, { signal: AbortSignal.timeout(20_000) });
    return status;
  }

  heldBytes(): number {
    return this.served?.heldBytes() ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.members[Symbol.asyncDispose]();
  }
}

export const jsonTextTarget: Target = {
  name: "json-text",
  about: "JSON of every method, cut and read in one process",
  rounds: 80,
  open: async () => ({ play: playText, [Symbol.asyncDispose]: async () => {} }),
};

export const httpTargets: readonly Target[] = [
  {
    name: "json",
    about: "the JSON gateway of a member and its WebSocket",
    rounds: 0,
    open: async () =>
      new HttpRounds(
        (random) =>
          random.chance(0.3) ? webSocket(random) : someRequest(random, gatewayRequest(random)),
        [],
      ),
  },
  {
    name: "http1",
    about: "HTTP/1.1 on the client port of a member",
    rounds: 0,
    open: async () =>
      new HttpRounds((random) => someRequest(random, plainRequest(random)), ["--enable-pprof"]),
  },
  {
    name: "v2",
    about: "the v2 API of a member",
    rounds: 0,
    open: async () =>
      new HttpRounds((random) => someRequest(random, v2Request(random)), ["--enable-v2"]),
  },
];
