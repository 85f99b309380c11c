// One member under test: plays steps on it and keeps what of them stays open.
import type { LeaderKey } from "#proto/gen/election.ts";
import type { WatchCreateRequest } from "#proto/gen/watch.ts";
import {
  CALL_LIMIT_MS,
  type Call,
  type CallEnd,
  Connection,
  collected,
  type Metadata,
} from "./connection.ts";
import { hasRoute, JsonConnection } from "./json-connection.ts";
import { Mapping } from "./mapping.ts";
import type { Request, Step } from "./step.ts";
import { sentinelKey, until, Watching } from "./watching.ts";
import { decodeResponse, encodeRequest, isRequest, pathOf } from "./wire-codec.ts";

/** What a step came to, in a form that both members must share. */
export interface Answer {
  readonly code: number;
  readonly message: string;
  /** What else of the form of a JSON answer there is. */
  readonly how?: string;
  /** Answers, mapped; more than one of a stream. */
  readonly answers: readonly unknown[];
}

type CallStep = Extract<Step, { readonly do: "call" }>;
type BeginStep = Extract<Step, { readonly do: "begin" }>;

interface Begun {
  readonly call: Call;
  readonly step: BeginStep;
  /** Of a call that waits: it holds a key, whose end is one revision. */
  readonly isQueued: boolean;
}

const ok: Answer = { code: 0, message: "", answers: [] };
/** Sent for whoever has not logged in. */
const noToken = "no.1";
const POLL_MS = 4;
/** How long a call is given to do something before it is taken to wait without having done it. */
const WAITS_MS = 700;

/** A pause between two looks at a member that tells of nothing by itself. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A member, the connection to it, and what is open on it. */
export class Side {
  readonly mapping = new Mapping();
  /** The revision that the last answer with one had. */
  revision = 0;
  /** Steps that the gateway has a route for are played as JSON. */
  usesJson = false;
  private readonly connection: Connection;
  private readonly gateway: JsonConnection;
  private readonly streams = new Map<number, Watching>();
  private readonly begun = new Map<string, Begun>();
  private readonly campaigns = new Map<string, LeaderKey>();
  private readonly tokens = new Map<string, string>();
  private ownToken: string | undefined;

  constructor(url: string) {
    this.connection = new Connection(url);
    this.gateway = new JsonConnection(url);
  }

  /** Makes a unary call of the harness's own, whose success is taken for granted. */
  async ask<T>(rpc: string, request: Request): Promise<T> {
    const end = await this.trusted(rpc, request);
    if (end.code !== 0) throw new Error(`${rpc}: ${end.code} ${end.message}`);
    return decodeResponse(rpc, end.messages[0]!).message as T;
  }

  /** Makes a call as root where authentication is on, with a token of the harness's own. */
  private async trusted(rpc: string, request: Request): Promise<CallEnd> {
    const call = (): Promise<CallEnd> => {
      const metadata = this.ownToken === undefined ? {} : { token: this.ownToken };
      return this.own(rpc, request, metadata);
    };
    const end = await call();
    // There was no token, or a change of users or permissions has made it old.
    if (end.code === 0 || !(await this.login())) return end;
    return await call();
  }

  private async own(rpc: string, request: Request, metadata: Metadata = {}): Promise<CallEnd> {
    const call = this.connection.open(pathOf(rpc), metadata);
    call.sendLast([encodeRequest(rpc, request)]);
    return await collected(call);
  }

  /** Begins a call of a step; `isWhole` if all that it asks is sent at once. */
  private open(rpc: string, metadata: Metadata, isWhole: boolean): Call {
    const path = pathOf(rpc);
    return this.usesJson && hasRoute(path)
      ? this.gateway.open(path, metadata, isWhole)
      : this.connection.open(path, metadata);
  }

  private async whole(
    rpc: string,
    messages: readonly Uint8Array[],
    metadata: Metadata,
  ): Promise<CallEnd> {
    const call = this.open(rpc, metadata, true);
    call.sendLast(messages);
    return await collected(call);
  }

  /** False where authentication is off, or there is no root. */
  private async login(): Promise<boolean> {
    const rpc = "Auth/Authenticate";
    const { code, messages } = await this.own(rpc, { name: "root", password: "root" });
    if (code !== 0 || messages[0] === undefined) return false;
    this.ownToken = decodeResponse(rpc, messages[0]).message["token"] as string;
    return true;
  }

  /** Writes the sentinel; its revision, or undefined if that is refused, as under an alarm. */
  async writeSentinel(): Promise<number | undefined> {
    const { code, messages } = await this.trusted("KV/Put", { key: sentinelKey });
    if (code !== 0 || messages[0] === undefined) return undefined;
    const { header } = decodeResponse("KV/Put", messages[0]).message;
    this.revision = (header as { readonly revision: number }).revision;
    return this.revision;
  }

  /** The member's revision now. */
  async currentRevision(): Promise<number> {
    const request = { key: sentinelKey, countOnly: true };
    const { header } = await this.ask<{ header: { revision: number } }>("KV/Range", request);
    this.revision = header.revision;
    return header.revision;
  }

  /** Plays one step, but for `settle` and `abort`, which need both members. */
  async play(step: Step): Promise<Answer> {
    switch (step.do) {
      case "call":
        return await this.call(step);
      case "bytes": {
        const call = this.connection.open(step.path);
        call.sendLast([step.body]);
        return this.plain("", await collected(call));
      }
      case "keepAlive": {
        const messages = step.ids.map((ID) =>
          encodeRequest("Lease/LeaseKeepAlive", this.mapping.resolve({ ID })),
        );
        const end = await this.whole("Lease/LeaseKeepAlive", messages, this.metadata({}, step.as));
        return this.plain("Lease/LeaseKeepAlive", end);
      }
      case "watchOpen": {
        const call = this.open("Watch/Watch", this.metadata({}, step.as), false);
        const watching = new Watching(call, this.mapping, step.strict);
        this.streams.get(step.stream)?.call.cancel();
        this.streams.set(step.stream, watching);
        await watching.begin();
        return ok;
      }
      case "begin":
        return await this.begin(step);
      case "finish": {
        const begun = this.begun.get(step.name);
        if (begun === undefined) return ok;
        this.begun.delete(step.name);
        return this.answerOf(begun.step, await collected(begun.call));
      }
      case "expire":
        return await this.expire(step.ids, step.keys);
      case "settle":
      case "abort":
        return ok;
      default:
        return await this.watch(step);
    }
  }

  private async watch(
    step: Extract<Step, { readonly do: `watch${string}` }> & { readonly stream: number },
  ): Promise<Answer> {
    const watching = this.streams.get(step.stream);
    if (watching === undefined || watching.isRefused || watching.call.status !== undefined)
      return ok;
    switch (step.do) {
      case "watchCreate": {
        const request = this.mapping.resolve(step.request) as Partial<WatchCreateRequest>;
        await watching.create(request, await this.currentRevision());
        return ok;
      }
      case "watchCancel":
        await watching.cancel(step.id);
        return ok;
      case "watchProgress": {
        const revision = await this.currentRevision();
        // A watch may turn out to have ended before the request or behind it.
        const told = watching.cannotTell(revision) || (await watching.askProgress(revision));
        return { ...ok, answers: [told] };
      }
      case "watchNotify":
        return { ...ok, answers: [await watching.notification(await this.currentRevision())] };
      case "watchBytes": {
        // What is no message has no form as JSON.
        if (this.usesJson && !isRequest("Watch/Watch", step.body)) return ok;
        watching.call.send(step.body);
        // What is a message ends nothing: there is nothing to wait for.
        const limitMs = isRequest("Watch/Watch", step.body) ? 0 : CALL_LIMIT_MS;
        await until(watching.call, () => watching.call.status !== undefined, limitMs);
        return { ...(watching.call.status ?? ok), answers: [] };
      }
      case "watchClose":
        watching.call.cancel();
        this.streams.delete(step.stream);
        return ok;
      default:
        return ok;
    }
  }

  /** Waits until all watches have all up to here, on one stream or all; false at the limit. */
  async reach(revision: number, stream?: number): Promise<boolean> {
    const all = [...this.streams].filter(([at]) => stream === undefined || at === stream);
    const reached = await Promise.all(all.map(([, watching]) => watching.reach(revision)));
    return reached.every(Boolean);
  }

  /** Waits until no watch reads history any more. */
  async catchUp(stream?: number): Promise<void> {
    const revision = await this.currentRevision();
    const all = [...this.streams].filter(([at]) => stream === undefined || at === stream);
    await Promise.all(all.map(([, watching]) => watching.catchUp(revision)));
  }

  /**
   * Waits until the compaction at this revision is through. Until then etcd answers HashKV of that
   * revision with a hash of what remains, and from then on with the one that the compaction made, which
   * names the compaction before; and it keeps none of a compaction that begins before the last is through.
   */
  async compacted(revision: number): Promise<void> {
    for (let ms = 0; ms < CALL_LIMIT_MS; ms += POLL_MS) {
      const end = await this.trusted("Maintenance/HashKV", { revision });
      const answer = end.messages[0];
      if (end.code !== 0 || answer === undefined) return;
      const { compactRevision } = decodeResponse("Maintenance/HashKV", answer).message;
      if (compactRevision !== revision) return;
      await pause(POLL_MS);
    }
  }

  hasStreams(): boolean {
    return this.streams.size > 0;
  }

  /** What all streams and observers were sent since the last time. */
  view(): unknown {
    return Object.fromEntries([...this.streams].map(([at, watching]) => [at, watching.view()]));
  }

  /** Begins the view anew. */
  forgetView(): void {
    for (const watching of this.streams.values()) watching.forget();
  }

  /** What the open calls that answer more than once were sent last. */
  observed(): unknown {
    const out: Record<string, unknown> = {};
    for (const [name, { call, step }] of this.begun) {
      if (step.rpc !== "Election/Observe" && step.rpc !== "Health/Watch") continue;
      const last = call.messages.at(-1);
      const message = last === undefined ? undefined : decodeResponse(step.rpc, last).message;
      const settled = message && (this.mapping.settle(step.rpc, message) as { kv?: unknown });
      out[name] = { message: settled?.kv ?? settled, status: call.status };
    }
    return out;
  }

  /** Gives up a begun call; true if it waited in a queue, where it leaves a revision behind. */
  abort(name: string): boolean {
    const begun = this.begun.get(name);
    if (begun === undefined) return false;
    this.begun.delete(name);
    const waits = begun.isQueued && begun.call.status === undefined;
    begun.call.cancel();
    return waits;
  }

  /** Names of the begun calls. */
  pending(): readonly string[] {
    return [...this.begun.keys()];
  }

  /** Closes all that is open but the connection. */
  closeAll(): void {
    for (const { call } of this.streams.values()) call.cancel();
    for (const { call } of this.begun.values()) call.cancel();
    this.streams.clear();
    this.begun.clear();
    this.campaigns.clear();
  }

  forgetTokens(): void {
    this.tokens.clear();
    this.ownToken = undefined;
  }

  close(): void {
    this.connection.close();
    this.gateway.close();
  }

  private metadata(
    given: Readonly<Record<string, string>>,
    as: string | undefined,
  ): Record<string, string> {
    const token = as === undefined ? undefined : (this.tokens.get(as) ?? noToken);
    return token === undefined ? { ...given } : { ...given, token };
  }

  private request(step: CallStep | BeginStep): Request {
    const request = this.mapping.resolve(step.request);
    if (step.do !== "call" || step.leaderOf === undefined) return request;
    const leader = this.campaigns.get(step.leaderOf);
    return leader === undefined ? request : { ...request, leader: { ...leader } };
  }

  private async call(step: CallStep): Promise<Answer> {
    const request = this.request(step);
    const bytes = encodeRequest(step.rpc, request, step.trailing);
    const metadata = this.metadata(step.metadata ?? {}, step.as);
    const end = await this.whole(step.rpc, [bytes], metadata);
    return this.answerOf(step, end);
  }

  private answerOf(step: CallStep | BeginStep, end: CallEnd): Answer {
    const first = end.messages[0];
    if (first !== undefined && end.code === 0) {
      const { message } = decodeResponse(step.rpc, first);
      const { alias, keepAs } = step;
      const leader = message["leader"] as LeaderKey | undefined;
      if (keepAs !== undefined && leader !== undefined) this.campaigns.set(keepAs, leader);
      const token = message["token"];
      if (keepAs !== undefined && typeof token === "string") this.tokens.set(keepAs, token);
      const member = message["member"] as { readonly ID: bigint } | undefined;
      const id = message["ID"] ?? leader?.lease ?? member?.ID ?? idIn(message["key"]);
      if (alias !== undefined && typeof id === "bigint") this.mapping.bind(alias, id);
    }
    return this.plain(step.rpc, end, step.request);
  }

  private plain(rpc: string, end: CallEnd, request: Request = {}): Answer {
    const answers = end.messages.map((bytes) => {
      if (rpc === "") return bytes;
      const { message, isCanonical } = decodeResponse(rpc, bytes);
      const header = message["header"] as { readonly revision: number } | undefined;
      if (header !== undefined && header.revision > 0) this.revision = header.revision;
      const settled = this.mapping.settle(rpc, message, request) as Record<string, unknown>;
      return isCanonical ? settled : { ...settled, isCanonical };
    });
    return {
      code: end.code,
      message: end.message,
      ...(end.how === undefined ? {} : { how: end.how }),
      // As many pieces as the size of the file makes.
      answers: rpc === "Maintenance/Snapshot" ? answers.slice(0, 1) : answers,
    };
  }

  private async begin(step: BeginStep): Promise<Answer> {
    const before = await this.currentRevision();
    const call = this.open(step.rpc, this.metadata({}, step.as), true);
    call.sendLast([encodeRequest(step.rpc, this.request(step))]);
    if (step.rpc === "Election/Observe" || step.rpc === "Health/Watch") {
      this.begun.set(step.name, { call, step, isQueued: false });
      await until(call, () => call.messages.length > 0 || call.status !== undefined, 60);
      return ok;
    }
    for (let ms = 0; ms < WAITS_MS && call.status === undefined; ms += POLL_MS) {
      if ((await this.currentRevision()) > before) {
        // It has its key: it is answered at once, or waits for somebody's.
        await until(call, () => call.status !== undefined, 40);
        break;
      }
      await pause(POLL_MS);
    }
    if (call.status !== undefined) return this.answerOf(step, await collected(call));
    this.begun.set(step.name, { call, step, isQueued: this.revision > before });
    return { ...ok, answers: ["waits"] };
  }

  private async expire(ids: readonly bigint[], keys: readonly Uint8Array[]): Promise<Answer> {
    const answers: unknown[] = [];
    for (const ID of ids) answers.push(await this.simple("Lease/LeaseGrant", { ID, TTL: 1 }));
    for (const [i, key] of keys.entries()) {
      const lease = ids[i % ids.length];
      answers.push(await this.simple("KV/Put", { key, value: Buffer.from("short"), lease }));
    }
    for (const ID of ids) {
      for (let ms = 0; ms < 20_000; ms += 50) {
        const { grantedTTL } = await this.ask<{ grantedTTL: number }>("Lease/LeaseTimeToLive", {
          ID,
        });
        if (grantedTTL === 0) break;
        await pause(50);
      }
      answers.push(await this.simple("Lease/LeaseTimeToLive", { ID, keys: true }));
    }
    return { ...ok, answers };
  }

  private async simple(rpc: string, request: Request): Promise<Answer> {
    return await this.call({ do: "call", rpc, request });
  }
}

/** The lease in the key of a lock. */
function idIn(key: unknown): bigint | undefined {
  if (!(key instanceof Uint8Array)) return undefined;
  const match = /\/([0-9a-f]+)$/.exec(Buffer.from(key).toString("latin1"));
  return match === null ? undefined : BigInt.asIntN(64, BigInt(`0x${match[1]}`));
}
