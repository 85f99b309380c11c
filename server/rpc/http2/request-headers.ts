// The header fields of one request, checked against RFC 9113 §8.2 and §8.3 while they arrive.
// Immutable once a block is complete, so that equal blocks may share one object.
import type { FieldTarget } from "./header-decoder.ts";

const badName = /[^!#$%&'*+\-.^_`|~0-9a-z]/;
const badValue = /[\0\r\n]|^[ \t]|[ \t]$/;
/** Fields of one connection in HTTP/1.1 that mean nothing here (RFC 9113 §8.2.2). */
const connectionFields = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export class RequestHeaders implements FieldTarget {
  method = "";
  path = "";
  scheme = "";
  authority = "";
  /** What breaks the rules, if anything: the stream ends with PROTOCOL_ERROR. */
  fault: string | undefined;
  /** Announced length of the body; -1 if it was not. */
  contentLength = -1;
  /** False if fields were left out, for there were too many. */
  whole = true;
  /** Names and values in turn. */
  private readonly fields: string[] = [];

  field(name: string, value: string): void {
    if (this.fault !== undefined) return;
    if (name.charCodeAt(0) === 0x3a) this.fault = this.pseudo(name, value);
    else this.fault = this.regular(name, value);
  }

  /** To be called when the block is complete: what is missing becomes the fault. */
  complete(): void {
    if (this.fault !== undefined) return;
    if (this.method === "") this.fault = "no :method";
    else if (this.method === "CONNECT") this.fault = "CONNECT is not served";
    else if (this.scheme === "") this.fault = "no :scheme";
    else if (this.path === "") this.fault = "no :path";
  }

  /** The first value of a name in lower case. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
    return undefined;
  }

  /** All fields but the pseudo ones; values of one name joined by a comma (cookies by `; `). */
  entries(): Record<string, string> {
    const out: Record<string, string> = Object.create(null);
    const { fields } = this;
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      const before = out[name];
      const value = fields[at + 1]!;
      out[name] =
        before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`;
    }
    return out;
  }

  /** All that it says, for `RequestHeaders.of` on another thread. */
  words(): readonly string[] {
    return [this.method, this.path, this.scheme, this.authority, ...this.fields];
  }

  /** What `words` said; checked before, and not again. */
  static of([method, path, scheme, authority, ...fields]: readonly string[]): RequestHeaders {
    const headers = new RequestHeaders();
    headers.method = method!;
    headers.path = path!;
    headers.scheme = scheme!;
    headers.authority = authority!;
    headers.fields.push(...fields);
    return headers;
  }

  private pseudo(name: string, value: string): string | undefined {
    if (this.fields.length > 0) return `${name} behind other fields`;
    if (badValue.test(value)) return `a malformed ${name}`;
    switch (name) {
      case ":method":
        if (this.method !== "") return "two :method";
        this.method = value;
        return undefined;
      case ":path":
        if (this.path !== "") return "two :path";
        this.path = value;
        return undefined;
      case ":scheme":
        if (this.scheme !== "") return "two :scheme";
        this.scheme = value;
        return undefined;
      case ":authority":
        if (this.authority !== "") return "two :authority";
        this.authority = value;
        return undefined;
      default:
        return `an unknown ${name}`;
    }
  }

  private regular(name: string, value: string): string | undefined {
    if (name === "" || badName.test(name)) return "a malformed field name";
    if (badValue.test(value)) return `a malformed value of ${name}`;
    if (connectionFields.has(name)) return `${name} in HTTP/2`;
    if (name === "te" && value !== "trailers") return "te other than trailers";
    if (name === "content-length") {
      if (!/^\d{1,15}$/.test(value)) return "a malformed content-length";
      const length = Number(value);
      if (this.contentLength >= 0 && this.contentLength !== length) return "two content-length";
      this.contentLength = length;
    }
    this.fields.push(name, value);
    return undefined;
  }
}

/** Trailers of a request: they must not hold pseudo fields; nobody reads them. */
export class TrailerCheck implements FieldTarget {
  fault: string | undefined;

  field(name: string): void {
    if (name.charCodeAt(0) === 0x3a) this.fault = "a pseudo field in trailers";
    else if (badName.test(name)) this.fault = "a malformed field name";
  }
}
