// Plain HTTP: health, liveness, readiness, version, metrics and what looks for faults, and the ways to
// the gateway and the v2 API (facts: server config §4). On client URLs who may ask is looked at before.
import { Buffer } from "node:buffer";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { RangeRequest } from "#proto/gen/kv.ts";
import { AlarmType } from "#proto/gen/maintenance.ts";
import {
  boundBody,
  type HttpHandler,
  type HttpRequest as Request,
  type HttpResponse as Response,
} from "#server/rpc/limits.ts";
import {
  type AccessRules,
  openAccess,
  refusedCertificateText,
  refusedHost,
  refusedHostText,
  refusesCertificate,
  writeCors,
} from "./access-control.ts";
import { debugVars, type ProfileEndpoints } from "./debug-endpoints.ts";
import type { ApiMember } from "./member.ts";

export interface HttpEndpoints {
  readonly member: ApiMember;
  /** The API level, such as `3.7.3`. */
  readonly serverVersion: string;
  /** Left out, everybody may ask. */
  readonly access?: AccessRules;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Counted as etcd_server_health_success and _failures. */
  readonly onHealth?: (healthy: boolean) => void;
  /** Counted as etcd_server_healthcheck and _healthchecks_total. */
  readonly onCheck?: (type: ProbeType, name: string, ok: boolean) => void;
  /** What /debug/vars shows; left out, nothing. */
  readonly debugVars?: () => Readonly<Record<string, unknown>>;
  /** What lies below /debug/pprof/; left out, nothing does. */
  readonly profiles?: ProfileEndpoints;
  /** What lies below `/v3/`; left out, nothing does. */
  readonly gateway?: {
    serve(path: string, request: Request, response: Response): void;
  };
  /** What lies below `/v2/`; left out, nothing does. False if it is none of its paths. */
  readonly v2?: (path: string, query: string, request: Request, response: Response) => boolean;
}

export type { Request, Response };

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
  /** A method that was refused names the one allowed. */
  readonly allow?: string;
  readonly nosniff?: boolean;
}

const plainText = "text/plain; charset=utf-8";

export type ProbeType = "livez" | "readyz";

/** The handler of metrics URLs: health and metrics alone, for everybody. */
export function metricsEndpoints(options: HttpEndpoints): HttpHandler {
  const { member, serverVersion, metrics, log, onHealth, onCheck } = options;
  const shown = {
    member,
    serverVersion,
    metrics,
    ...(log === undefined ? {} : { log }),
    ...(onHealth === undefined ? {} : { onHealth }),
    ...(onCheck === undefined ? {} : { onCheck }),
  };
  return (request, response) => {
    const path = pathOf(request.url ?? "/");
    answer(
      request,
      response,
      path === "/version" ? Promise.resolve(notFound) : route(shown, request),
    );
  };
}

/** The handler of client URLs for requests that are not gRPC. */
export function httpEndpoints(options: HttpEndpoints): HttpHandler {
  const access = options.access ?? openAccess;
  return (request, response) => {
    const host = refusedHost(access, request);
    if (host !== undefined) {
      options.log?.warn({ host }, "rejecting HTTP request to prevent DNS rebinding attacks");
      const body = refusedHostText(host);
      send(request, response, { status: 421, type: plainText, body, nosniff: true });
      return;
    }
    if (gatewayPath(request.url ?? "/") !== undefined && refusesCertificate(access, request)) {
      const body = refusedCertificateText;
      send(request, response, { status: 400, type: plainText, body, nosniff: true });
      return;
    }
    writeCors(access, request, response);
    if (request.method === "OPTIONS") {
      send(request, response, { status: 200, body: "" });
      return;
    }
    const target = request.url ?? "/";
    const path = gatewayPath(target);
    if (options.clock !== undefined && path === undefined) boundBody(request, options.clock);
    if (options.v2 !== undefined && isServedByV2(options.v2, request, response)) return;
    const moved = cleanTarget(target, options.gateway !== undefined);
    if (moved !== undefined) {
      redirect(request, response, moved);
      return;
    }
    if (options.gateway !== undefined && path !== undefined) {
      options.gateway.serve(path, request, response);
      return;
    }
    const { profiles } = options;
    const asked = pathOf(target);
    if (profiles !== undefined && asked.startsWith("/debug/pprof/")) {
      const query = new URLSearchParams(target.slice(asked.length));
      profiles.serve(asked, query, response).catch((error: unknown) => {
        send(request, response, failure(500, errorText(error)));
      });
      return;
    }
    answer(request, response, route(options, request));
  };
}

function answer(request: Request, response: Response, coming: Promise<Answer>): void {
  coming.then(
    (one) => send(request, response, one),
    (error: unknown) => send(request, response, failure(500, errorText(error))),
  );
}

function isServedByV2(
  serve: NonNullable<HttpEndpoints["v2"]>,
  request: Request,
  response: Response,
): boolean {
  const target = request.url ?? "/";
  if (!target.startsWith("/v2/")) return false;
  const mark = target.indexOf("?");
  return mark < 0
    ? serve(target, "", request, response)
    : serve(target.slice(0, mark), target.slice(mark + 1), request, response);
}

/** The path below /v3/ that the gateway is asked for, /v3beta/ being its old name. */
export function gatewayPath(target: string): string | undefined {
  if (!target.startsWith("/v3/") && !target.startsWith("/v3beta/")) return undefined;
  const path = pathOf(target).replace(/^\/v3beta\//, "/v3/");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function pathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? target : target.slice(0, mark);
}

/** Where Go's router sends a request whose path has empty elements, or dots, or is `/v3`. */
function cleanTarget(target: string, hasGateway: boolean): string | undefined {
  if (!target.startsWith("/")) return undefined;
  const path = pathOf(target);
  if (hasGateway && path === "/v3") return `/v3/${target.slice(path.length)}`;
  if (!/\/\/|\/\.{1,2}(?:\/|$)/.test(path)) return undefined;
  const elements: string[] = [];
  for (const element of path.split("/")) {
    if (element === "..") elements.pop();
    else if (element !== "" && element !== ".") elements.push(element);
  }
  const slash = path.endsWith("/") && elements.length > 0 ? "/" : "";
  return `/${elements.join("/")}${slash}${target.slice(path.length)}`;
}

function redirect(request: Request, response: Response, target: string): void {
  response.setHeader("Location", target);
  const isRead = request.method === "GET" || request.method === "HEAD";
  const link = target.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  const body = isRead ? `<a href="${link}">Temporary Redirect</a>.\n\n` : "";
  send(request, response, {
    status: 307,
    ...(isRead ? { type: "text/html; charset=utf-8" } : {}),
    body,
  });
}

function send(request: Request, response: Response, answer: Answer): void {
  response.statusCode = answer.status;
  if (answer.type !== undefined) response.setHeader("Content-Type", answer.type);
  if (answer.nosniff === true) response.setHeader("X-Content-Type-Options", "nosniff");
  if (answer.allow !== undefined) response.setHeader("Allow", answer.allow);
  response.setHeader("Content-Length", Buffer.byteLength(answer.body));
  response.end(request.method === "HEAD" ? "" : answer.body);
}

function failure(status: number, text: string): Answer {
  return { status, type: plainText, body: `${text}\n`, nosniff: true };
}

const notFound = failure(404, "404 page not found");

async function route(options: HttpEndpoints, request: Request): Promise<Answer> {
  const target = request.url ?? "/";
  const path = pathOf(target);
  const query = new URLSearchParams(target.slice(path.length));
  if (path === "/metrics") {
    const { contentType } = options.metrics;
    return { status: 200, type: contentType, body: await options.metrics.text() };
  }
  const handler = getHandler(options, path, query);
  if (handler === undefined) return notFound;
  if (request.method !== "GET") return { ...failure(405, "Method Not Allowed"), allow: "GET" };
  return handler();
}

function getHandler(
  options: HttpEndpoints,
  path: string,
  query: URLSearchParams,
): (() => Promise<Answer>) | undefined {
  if (path === "/health") return () => health(options, query);
  if (path === "/version") return async () => version(options);
  const { debugVars: vars } = options;
  if (path === "/debug/vars" && vars !== undefined) {
    const type = "application/json; charset=utf-8";
    return async () => ({ status: 200, type, body: debugVars(vars()) });
  }
  const probe = /^\/(livez|readyz)(?:\/([a-z_]+))?$/.exec(path);
  if (probe === null) return undefined;
  const type = probe[1] as ProbeType;
  const all = type === "livez" ? livenessChecks : readinessChecks;
  const name = probe[2];
  if (name === undefined) {
    const excluded = new Set(query.getAll("exclude"));
    return () =>
      runChecks(
        options,
        type,
        all.filter((one) => !excluded.has(one)),
        query,
      );
  }
  if (!all.includes(name as CheckName)) return undefined;
  return () => runChecks(options, type, [name as CheckName], query);
}

function version(options: HttpEndpoints): Answer {
  const { member } = options;
  const body = JSON.stringify({
    etcdserver: options.serverVersion,
    etcdcluster: member.clusterVersion() ?? "not_decided",
    storage: member.storageVersion() ?? "unknown",
  });
  return { status: 200, type: "application/json", body };
}

/** The probe's read: keys only, at most one. */
const probeRange: RangeRequest = {
  ...RangeRequest.decode(new Uint8Array(0)),
  key: Buffer.of(0),
  rangeEnd: Buffer.of(0),
  limit: 1,
  keysOnly: true,
};

async function readProbe(member: ApiMember, serializable: boolean): Promise<void> {
  if (!serializable) await member.linearize();
  await member.range({ ...probeRange, serializable });
}

async function health(options: HttpEndpoints, query: URLSearchParams): Promise<Answer> {
  const { member } = options;
  const serializable = query.get("serializable") === "true";
  const reason = await unhealthyReason(member, new Set(query.getAll("exclude")), serializable);
  options.onHealth?.(reason === "");
  const body = JSON.stringify({ health: String(reason === ""), reason });
  if (reason !== "") {
    options.log?.warn({ output: body, "status-code": 503 }, "/health error");
    return failure(503, body);
  }
  return { status: 200, type: plainText, body };
}

async function unhealthyReason(
  member: ApiMember,
  excluded: ReadonlySet<string>,
  serializable: boolean,
): Promise<string> {
  for (const { alarm } of member.alarms()) {
    const name = alarmName(alarm);
    if (!excluded.has(name)) return `ALARM ${name}`;
  }
  if (!serializable && member.leader() === 0n) return "RAFT NO LEADER";
  try {
    await readProbe(member, serializable);
    return "";
  } catch (error) {
    return `RANGE ERROR:${errorText(error)}`;
  }
}

function alarmName(alarm: AlarmType): string {
  if (alarm === AlarmType.NOSPACE) return "NOSPACE";
  return alarm === AlarmType.CORRUPT ? "CORRUPT" : "UNKNOWN";
}

type CheckName = "data_corruption" | "serializable_read" | "linearizable_read" | "non_learner";

const livenessChecks: readonly CheckName[] = ["serializable_read"];
const readinessChecks: readonly CheckName[] = [
  "data_corruption",
  "serializable_read",
  "linearizable_read",
  "non_learner",
];

/** Each throws what makes the member not alive or not ready. */
const checks: Readonly<Record<CheckName, (member: ApiMember) => Promise<void>>> = {
  async data_corruption(member) {
    if (member.alarms().some(({ alarm }) => alarm === AlarmType.CORRUPT))
      throw new Error("alarm activated: CORRUPT");
  },
  serializable_read: (member) => readProbe(member, true),
  linearizable_read: (member) => readProbe(member, false),
  async non_learner(member) {
    if (member.isLearner()) throw new Error("not supported for learner");
  },
};

async function runChecks(
  options: HttpEndpoints,
  type: ProbeType,
  names: readonly CheckName[],
  query: URLSearchParams,
): Promise<Answer> {
  let lines = "";
  let failed = false;
  for (const name of names) {
    let fault: string | undefined;
    try {
      await checks[name](options.member);
    } catch (error) {
      fault = errorText(error);
      failed = true;
    }
    lines += fault === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${fault}\n`;
    options.onCheck?.(type, name, fault === undefined);
  }
  if (failed) {
    const fields = { path: `/${type}`, reason: lines, "status-code": 503 };
    options.log?.error(fields, "Health check error");
    return failure(503, lines);
  }
  const body = query.has("verbose") ? `${lines}ok\n` : "ok\n";
  return { status: 200, type: plainText, body, nosniff: true };
}
