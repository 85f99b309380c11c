// Random requests to the v2 key space: few keys, so that they meet; all parameters, right and wrong.
import type { Random } from "#base/random.ts";
import type { V2Call } from "./http.ts";

const keys = [
  "/a",
  "/b",
  "/a/x",
  "/a/y",
  "/a/x/1",
  "/d",
  "/d/e",
  "/d/e/f",
  "/d/e/g",
  "/_h",
  "/_h/x",
  "/d/_s/x",
  "/ü",
  "/d<&>",
  "/ab",
  "",
];
const values = ["", "1", "2", "two words", "<&>\u2028", '\b\f\n\\"', "ü€😀", "+%41"];
const booleans = ["true", "false", "1", "0", "T", "yes", ""];
const numbers = ["", "x", "-1", "18446744073709551616", "1e3", " 1"];

/** Life times that no run outlives, and what is none. */
const ttls = ["500", "1000", "", "x", "-5", "99999999999999999999"];

export class V2Generator {
  private readonly random: Random;
  /** The last X-Etcd-Index seen. */
  index = 3;

  constructor(random: Random) {
    this.random = random;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!;
  }

  private path(): string {
    const key = this.pick(keys).split("/").map(encodeURIComponent).join("/");
    if (this.random.chance(0.02)) return `/v2/keys${key}//x`;
    if (this.random.chance(0.02)) return `/v2/keys${key}/../x`;
    return `/v2/keys${key}${this.random.chance(0.05) ? "/" : ""}`;
  }

  private someIndex(): string {
    if (this.random.chance(0.08)) return this.pick(numbers);
    return String(Math.max(0, this.index - this.random.below(12)));
  }

  private bool(): string {
    return this.random.chance(0.9) ? this.pick(["true", "false"]) : this.pick(booleans);
  }

  /** The next call, never one that waits. */
  call(): V2Call {
    const { random } = this;
    const method = this.pick([
      "PUT",
      "PUT",
      "PUT",
      "PUT",
      "POST",
      "DELETE",
      "DELETE",
      "GET",
      "GET",
      "HEAD",
    ]);
    const fields: [string, string][] = [];
    const add = (chance: number, name: string, value: () => string): void => {
      if (random.chance(chance)) fields.push([name, value()]);
    };
    const writes = method === "PUT" || method === "POST";
    if (writes || random.chance(0.1)) {
      add(0.8, "value", () => this.pick(values));
      add(0.15, "ttl", () => this.pick(ttls));
      add(0.15, "prevExist", () => this.bool());
      add(0.08, "refresh", () => this.bool());
      add(0.1, "noValueOnSuccess", () => this.bool());
    }
    if (writes || method === "DELETE") {
      add(method === "PUT" ? 0.15 : 0.25, "dir", () => this.bool());
      add(0.12, "prevValue", () => this.pick(values));
      add(0.12, "prevIndex", () => this.someIndex());
    }
    add(method === "DELETE" || method === "GET" ? 0.4 : 0.03, "recursive", () => this.bool());
    add(method === "GET" ? 0.3 : 0.03, "sorted", () => this.bool());
    add(method === "GET" ? 0.2 : 0.03, "quorum", () => this.bool());
    add(0.02, "stream", () => this.bool());
    add(0.02, "waitIndex", () => this.someIndex());
    if (method !== "GET") add(0.02, "wait", () => this.bool());
    if (random.chance(0.01)) fields.push(["odd", "%zz"]);
    const inBody = writes && random.chance(0.6);
    const text = (list: readonly [string, string][]): string =>
      list
        .map(([name, value]) => `${name}=${value === "%zz" ? value : encodeURIComponent(value)}`)
        .join("&");
    const target = this.path();
    if (inBody) {
      const split = random.chance(0.2) ? random.below(fields.length + 1) : 0;
      const query = text(fields.slice(0, split));
      return {
        method,
        target: query === "" ? target : `${target}?${query}`,
        form: text(fields.slice(split)),
      };
    }
    const query = text(fields);
    return { method, target: query === "" ? target : `${target}?${query}` };
  }

  /** The target of a watch. */
  watch(): string {
    const { random } = this;
    const key = this.pick(keys).split("/").map(encodeURIComponent).join("/");
    const fields = ["wait=true"];
    if (random.chance(0.6)) fields.push("recursive=true");
    if (random.chance(0.4)) fields.push("stream=true");
    if (random.chance(0.1)) fields.push(`waitIndex=${1 + random.below(20)}`);
    else if (random.chance(0.5)) {
      fields.push(`waitIndex=${Math.max(0, this.index + 5 - random.below(40))}`);
    }
    return `/v2/keys${key}?${fields.join("&")}`;
  }
}
