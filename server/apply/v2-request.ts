// Requests of the v2 API as they lie in logs of etcd 3.4 and 3.5: bare, or as field 2 of a command.
// Those members tell the cluster their name, their client URLs and its version by them. 3.6 no
// longer writes such requests, but reads these two kinds; so does this store (facts: apply rules §1,
// peer protocol §9, §12). Pure.
import { text } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { parseId } from "#base/ids.ts";
import type {
  ClusterMemberAttrSetRequest,
  ClusterVersionSetRequest,
} from "#proto/gen/membership.ts";
import { BinaryReader, WireError } from "#proto/wire.ts";

/** The fields of etcdserverpb.Request that speak of the membership. */
export interface V2Request {
  readonly id: bigint;
  readonly method: string;
  readonly path: string;
  readonly value: string;
}

/** What a v2 request means as a command. */
export type V2Meaning =
  | { readonly kind: "clusterMemberAttrSet"; readonly payload: ClusterMemberAttrSetRequest }
  | { readonly kind: "clusterVersionSet"; readonly payload: ClusterVersionSetRequest };

const methods: ReadonlySet<string> = new Set(["PUT", "POST", "DELETE", "GET", "QGET", "SYNC"]);

/**
 * Whether field 2 of an entry's data is the method of a bare request. Otherwise it is a whole request
 * within a command, which begins with a tag: the two cannot be mistaken for each other.
 */
export function isV2Method(bytes: Uint8Array): boolean {
  return bytes.length <= 6 && methods.has(text(bytes));
}

/** Reads a request; throws WireError on malformed bytes. */
export function decodeV2Request(data: Uint8Array): V2Request {
  const reader = new BinaryReader(data);
  let id = 0n;
  let method = "";
  let path = "";
  let value = "";
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    switch (tag) {
      case 8:
        id = reader.uint64();
        break;
      case 18:
        method = reader.string();
        break;
      case 26:
        path = reader.string();
        break;
      case 34:
        value = reader.string();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { id, method, path, value };
}

const attributesPath = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;

/**
 * The command that a v2 request stands for. Throws WireError if it is malformed, and OperatingError
 * V2_REQUEST for one that changes v2 data: to skip it would lose what others hold.
 */
export function meaningOf(request: V2Request): V2Meaning {
  const { method, path, value } = request;
  if (method === "PUT" && path === "/0/version") {
    return { kind: "clusterVersionSet", payload: { ver: value } };
  }
  const id = method === "PUT" ? parseId(attributesPath.exec(path)?.[1] ?? "") : undefined;
  if (id === undefined) {
    throw new OperatingError(
      "V2_REQUEST",
      `the log holds a request of the v2 API (${method} ${path}), and this version keeps no v2 data in a cluster shared with etcd: remove the v2 data before the migration`,
    );
  }
  return {
    kind: "clusterMemberAttrSet",
    payload: { memberID: id, memberAttributes: parseAttributes(value) },
  };
}

function parseAttributes(json: string): { name: string; clientUrls: string[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null) {
    throw new WireError("the attributes of a member are no JSON object");
  }
  const { name, clientURLs } = parsed as Readonly<Record<string, unknown>>;
  const urls = Array.isArray(clientURLs) ? clientURLs : [];
  return {
    name: typeof name === "string" ? name : "",
    clientUrls: urls.filter((url) => typeof url === "string"),
  };
}
