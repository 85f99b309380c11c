// The v3 registry: keys below /_etcd/registry/<token> of another etcd (facts: v2 API §8).
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import type { TlsOptions } from "#client/options.ts";
import { EtcdError, type GrpcCode, grpcCode } from "#proto/errors.ts";
import type { V3Discovery } from "#server/config/discovery.ts";
import { answerLimitBytes } from "#server/discovery/http-exchange.ts";
import {
  DiscoveryRefusal,
  type Registration,
  type Registry,
  type RegistryList,
} from "#server/discovery/registry.ts";

/** Answers that do not change by asking again. */
const final: ReadonlySet<GrpcCode> = new Set([
  grpcCode.unimplemented,
  grpcCode.unauthenticated,
  grpcCode.permissionDenied,
  grpcCode.invalidArgument,
]);

async function orRefused<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof EtcdError) || !final.has(error.code)) throw error;
    throw new DiscoveryRefusal(
      error.message,
      "check --discovery-endpoints, --discovery-user and the rights of that user",
    );
  }
}

async function readPem(flag: string, file: string): Promise<Buffer | undefined> {
  if (file === "") return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new DiscoveryRefusal(errorText(error), `check --${flag}`);
  }
}

/** TLS is used if a certificate flag asks for it, or plain transport was switched off. */
async function tlsOf(config: V3Discovery): Promise<TlsOptions | undefined> {
  const ca = await readPem("discovery-cacert", config.caFile);
  const cert = await readPem("discovery-cert", config.certFile);
  const key = await readPem("discovery-key", config.keyFile);
  const isGiven = ca !== undefined || cert !== undefined || key !== undefined;
  if (!isGiven && config.insecureTransport && !config.insecureSkipTlsVerify) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    insecureSkipVerify: config.insecureSkipTlsVerify,
  };
}

/** Opens a registry; `close` it when done. */
export async function openV3Registry(
  config: V3Discovery,
  ports: { readonly clock: Clock; readonly random: Random },
): Promise<Registry> {
  const tls = await tlsOf(config);
  const client = new EtcdClient({
    endpoints: config.endpoints.map((one) => one.trim()),
    clock: ports.clock,
    random: ports.random,
    callTimeoutMs: config.requestTimeoutMs,
    maxReceiveBytes: answerLimitBytes,
    keepAliveTimeMs: config.keepaliveTimeMs,
    keepAliveTimeoutMs: config.keepaliveTimeoutMs,
    ...(tls === undefined ? {} : { tls }),
  });
  return new V3Registry(client, config);
}

class V3Registry implements Registry {
  readonly replaces = true;
  readonly #client: EtcdClient;
  readonly #config: V3Discovery;
  readonly #sizeKey: string;
  readonly #membersKey: string;
  #isAuthenticated = false;

  constructor(client: EtcdClient, config: V3Discovery) {
    this.#client = client;
    this.#config = config;
    this.#sizeKey = posix.join("/_etcd/registry", config.token, "_config/size");
    this.#membersKey = posix.join("/_etcd/registry", config.token, "members");
  }

  async size(): Promise<string | undefined> {
    await this.#authenticate();
    const { kvs } = await orRefused(this.#client.kv.range(this.#sizeKey));
    const value = kvs[0]?.value;
    return value === undefined ? undefined : Buffer.from(value).toString();
  }

  async list(): Promise<RegistryList> {
    const key = utf8(this.#membersKey);
    const range = this.#client.kv.range(key, { rangeEnd: prefixEnd(key) });
    const { header, kvs } = await orRefused(range);
    const members: Registration[] = [];
    for (const kv of kvs) {
      const path = Buffer.from(kv.key).toString().trim();
      const value = Buffer.from(kv.value).toString().trim();
      if (!path.startsWith(`${this.#membersKey}/`) || !value.includes("=")) continue;
      const id = path.slice(this.#membersKey.length + 1);
      members.push({ id, value, order: kv.createRevision });
    }
    return { members, position: header?.revision ?? 0 };
  }

  /** A plain put, as etcd does it: the order is by creation, which a second put does not change. */
  async register(id: string, value: string): Promise<"registered"> {
    const { members } = await this.list();
    const isThere = members.some((one) => one.id === id && one.value === value);
    if (!isThere) await orRefused(this.#client.kv.put(`${this.#membersKey}/${id}`, value));
    return "registered";
  }

  async changed(position: number): Promise<void> {
    const key = utf8(this.#membersKey);
    const watch = { rangeEnd: prefixEnd(key), startRevision: position + 1 };
    for await (const { canceled, events } of this.#client.watch.watch(key, watch)) {
      if (canceled || events.length > 0) return;
    }
  }

  close(): void {
    this.#client.close();
  }

  async #authenticate(): Promise<void> {
    if (this.#isAuthenticated || this.#config.user === "") return;
    const { dialTimeoutMs, password, user } = this.#config;
    const cut = password === "" ? user.indexOf(":") : -1;
    const name = cut < 0 ? user : user.slice(0, cut);
    const secret = cut < 0 ? password : user.slice(cut + 1);
    const limits = dialTimeoutMs > 0 ? { timeoutMs: dialTimeoutMs } : {};
    await orRefused(this.#client.authenticate(name, secret, limits));
    this.#isAuthenticated = true;
  }
}
