// The errors of the v2 key space: code, message and HTTP status as etcd 3.4 answers them (facts: v2
// API §3). They are values, returned and not thrown: a failed compare is an answer like any other.
import { textJson } from "#server/v2store/text-json.ts";

const rows = {
  keyNotFound: [100, "Key not found", 404],
  testFailed: [101, "Compare failed", 412],
  notFile: [102, "Not a file", 403],
  notDir: [104, "Not a directory", 400],
  nodeExist: [105, "Key already exists", 412],
  rootReadOnly: [107, "Root is read only", 400],
  dirNotEmpty: [108, "Directory not empty", 403],
  unauthorized: [110, "The request requires user authentication", 401],
  prevValueRequired: [201, "PrevValue is Required in POST form", 400],
  ttlNaN: [202, "The given TTL in POST form is not a number", 400],
  indexNaN: [203, "The given index in POST form is not a number", 400],
  invalidField: [209, "Invalid field", 400],
  invalidForm: [210, "Invalid POST form", 400],
  refreshValue: [211, "Value provided on refresh", 400],
  refreshTtlRequired: [212, "A TTL must be provided on refresh", 400],
  raftInternal: [300, "Raft Internal Error", 500],
  leaderElect: [301, "During Leader Election", 500],
  /** Not etcd's: its code and text, for what will pass, such as a member that is too old. */
  unavailable: [300, "Raft Internal Error", 503],
  watcherCleared: [400, "watcher is cleared due to etcd recovery", 400],
  eventIndexCleared: [401, "The event in requested index is outdated and cleared", 400],
} as const satisfies Readonly<Record<string, readonly [code: number, text: string, http: number]>>;

/** A row of the table. */
export type V2ErrorName = keyof typeof rows;

/** An answer that is an error. */
export class V2Error {
  readonly name: V2ErrorName;
  readonly cause: string;
  /** The store's index at the time; 0 for a request that never reached it. */
  readonly index: number;

  constructor(name: V2ErrorName, cause: string, index: number) {
    this.name = name;
    this.cause = cause;
    this.index = index;
  }

  get code(): number {
    return rows[this.name][0];
  }

  get message(): string {
    return rows[this.name][1];
  }

  /** The HTTP status it is answered with. */
  get status(): number {
    return rows[this.name][2];
  }

  /** The answer's body, its newline included. */
  json(): string {
    const cause = this.cause === "" ? "" : `"cause":${textJson(this.cause)},`;
    return `{"errorCode":${this.code},"message":${textJson(this.message)},${cause}"index":${this.index}}\n`;
  }
}
