// The shape of the tables in proto/gen/json-tables.ts: what a message's fields are called in JSON.

/** The types of the fields that etcd's API has. */
export type JsonKind =
  | "bool"
  | "bytes"
  | "enum"
  | "int32"
  | "int64"
  | "message"
  | "string"
  | "uint32"
  | "uint64";

export interface JsonField {
  readonly number: number;
  /** As in the .proto file; answers use it. */
  readonly name: string;
  /** In camel case; requests may use either. */
  readonly jsonName: string;
  readonly kind: JsonKind;
  /** Of a message or an enumeration. */
  readonly type?: string;
  readonly isRepeated?: true;
  /** A default that was sent is shown. */
  readonly isOptional?: true;
  /** The full name of the oneof that it belongs to. */
  readonly oneof?: string;
}

export interface JsonMethod {
  readonly input: string;
  readonly output: string;
}
