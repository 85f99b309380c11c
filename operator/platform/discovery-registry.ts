// A discovery service as the operator uses it: makes a token, and looks how many have registered under it.
// A v2 URL is a folder of an etcd that serves the v2 API, or of the public service; a v3 token is a prefix of
// an etcd's keys. Members register themselves.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { EtcdClient } from "#client/client.ts";
import { bytesOf, prefixEnd } from "#client/kv.ts";
import type { TlsOptions } from "#client/options.ts";
import type { Find, ObservedRegistry } from "#operator/plan/types.ts";
import { Compare_CompareResult, Compare_CompareTarget, PutRequest } from "#proto/gen/kv.ts";

const requestTimeoutMs = 3000;
/** A folder of more members than any cluster has. */
const maxAnswerBytes = 4 << 20;

/** What proves who asks, and who answers. */
export interface RegistryAccess {
  readonly tls?: TlsOptions;
  readonly user?: { readonly name: string; readonly password: string };
}

export interface RegistryPorts {
  readonly clock: Clock;
  readonly random: Random;
}

type FindByRegistry = Exclude<Find, { kind: "dns" }>;

/** What is there under the token of `find`. Rejects if the service does not answer as one. */
export async function readRegistry(
  find: FindByRegistry,
  access: RegistryAccess,
  ports: RegistryPorts,
): Promise<ObservedRegistry> {
  if (find.kind === "discovery") return readV2(find.url);
  return withClient(find.endpoints, access, ports, (client) => readV3(client, find.token));
}

/** Writes the size of a new token; one that is there is left as it is. Rejects if the service refuses. */
export async function openRegistry(
  find: FindByRegistry,
  size: number,
  access: RegistryAccess,
  ports: RegistryPorts,
): Promise<void> {
  if (find.kind === "discovery") return openV2(find.url, size);
  return withClient(find.endpoints, access, ports, (client) => openV3(client, find.token, size));
}

/** A size as somebody wrote it; what is no number of members is none that fits. */
function sizeOf(text: string): number {
  return /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
}

const v3Folder = (token: string): string => `/_etcd/registry/${token}`;

async function readV3(client: EtcdClient, token: string): Promise<ObservedRegistry> {
  const members = bytesOf(`${v3Folder(token)}/members/`);
  const { kvs } = await client.kv.range(`${v3Folder(token)}/_config/size`);
  const { count } = await client.kv.range(members, {
    rangeEnd: prefixEnd(members),
    countOnly: true,
  });
  const [size] = kvs;
  return {
    registered: count,
    ...(size === undefined ? {} : { size: sizeOf(Buffer.from(size.value).toString()) }),
  };
}

async function openV3(client: EtcdClient, token: string, size: number): Promise<void> {
  const key = bytesOf(`${v3Folder(token)}/_config/size`);
  const put = PutRequest.fromPartial({ key, value: bytesOf(String(size)) });
  await client.kv.txn({
    compare: [
      {
        key,
        target: Compare_CompareTarget.CREATE,
        result: Compare_CompareResult.EQUAL,
        targetUnion: { $case: "createRevision", value: 0 },
        rangeEnd: new Uint8Array(),
      },
    ],
    success: [{ request: { $case: "requestPut", value: put } }],
  });
}

async function withClient<T>(
  endpoints: readonly string[],
  { tls, user }: RegistryAccess,
  ports: RegistryPorts,
  use: (client: EtcdClient) => Promise<T>,
): Promise<T> {
  const options = { endpoints, callTimeoutMs: requestTimeoutMs, ...ports };
  const client = new EtcdClient(tls === undefined ? options : { ...options, tls });
  try {
    if (user !== undefined) await client.authenticate(user.name, user.password);
    return await use(client);
  } finally {
    client.close();
  }
}

interface V2Node {
  readonly key?: string;
  readonly value?: string;
  readonly nodes?: readonly V2Node[];
}

interface V2Answer {
  readonly node?: V2Node;
  readonly errorCode?: number;
}

/** Error codes of the v2 API. */
const keyNotFound = 100;
const nodeExists = 105;

async function readV2(url: string): Promise<ObservedRegistry> {
  const size = await askV2("GET", `${url}/_config/size?quorum=true`);
  if (size.errorCode === keyNotFound) return { registered: 0 };
  const folder = await askV2("GET", `${url}?quorum=true`);
  const nodes = folder.node?.nodes ?? [];
  const registered = nodes.filter(({ key = "" }) => !key.endsWith("/_config")).length;
  return { registered, size: sizeOf(size.node?.value ?? "") };
}

async function openV2(url: string, size: number): Promise<void> {
  const answer = await askV2("PUT", `${url}/_config/size?prevExist=false`, `value=${size}`);
  if (answer.errorCode === undefined || answer.errorCode === nodeExists) return;
  throw new OperatingError(
    "DISCOVERY_REFUSED",
    `${url} refused the size of a token: ${JSON.stringify(answer).slice(0, 300)}; see spec.bootstrap.discovery.url`,
  );
}

async function askV2(method: "GET" | "PUT", text: string, form?: string): Promise<V2Answer> {
  const url = new URL(text);
  const signal = AbortSignal.timeout(requestTimeoutMs);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const begin = url.protocol === "https:" ? httpsRequest : httpRequest;
    const options = { method, signal, agent: false, ...(form === undefined ? {} : { headers }) };
    const request = begin(url, options, resolve);
    request.on("error", reject);
    request.end(form);
  });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxAnswerBytes) throw new Error(`more than ${maxAnswerBytes} bytes from ${url}`);
    parts.push(part);
  }
  const parsed = parsedOf(Buffer.concat(parts).toString("utf8"));
  if (parsed !== undefined) return parsed;
  throw new OperatingError("DISCOVERY_REFUSED", `${url.origin} does not answer as the v2 API`);
}

function parsedOf(text: string): V2Answer | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isAnswer = typeof parsed === "object" && parsed !== null;
    return isAnswer && ("node" in parsed || "errorCode" in parsed)
      ? (parsed as V2Answer)
      : undefined;
  } catch {
    return undefined;
  }
}
