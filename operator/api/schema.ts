// A small builder of schemas: one description of a field gives its TypeScript type and its structural
// OpenAPI v3 schema, as Kubernetes wants it in a CustomResourceDefinition. Pure data; nothing is
// checked here (validate.ts does). Every text, list and map has a bound, for the API server reckons
// the cost of CEL rules with them. Why our own: docs/adr.

/** A CEL rule, as the API server and `local` evaluate it; one that names oldSelf judges changes only. */
export interface Rule {
  readonly rule: string;
  /** What is right, for whoever wrote the manifest. */
  readonly message: string;
}

/** The keywords of a structural schema that are used here. */
export interface JsonSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: "int64" | "date-time";
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema;
  readonly required?: readonly string[];
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly Rule[];
}

/** Whether a field is there once defaults are filled in. */
type Presence = "always" | "maybe";

/** A field of type `T`; optional until `required` or `withDefault` says otherwise. */
export interface Field<T, P extends Presence = "maybe"> {
  readonly json: JsonSchema;
  readonly presence: P;
  readonly isRequired: boolean;
  /** Carries the type, never a value. */
  readonly as?: T;
}

export type Fields = Readonly<Record<string, Field<unknown, Presence>>>;

type ValueOf<F> = F extends Field<infer T, Presence> ? T : never;

/** The object that `fields` describe, defaults filled in. */
export type ObjectOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<unknown, "always"> ? K : never]: ValueOf<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends Field<unknown, "always"> ? never : K]?: ValueOf<F[K]>;
};

/** The type that a field describes. */
export type TypeOf<F> = ValueOf<F>;

function field<T>(json: JsonSchema): Field<T> {
  return { json, presence: "maybe", isRequired: false };
}

/** A manifest without this field is refused. */
export function required<T>(of: Field<T, Presence>): Field<T, "always"> {
  return { json: of.json, presence: "always", isRequired: true };
}

/** What is left out gets this value; `{}` fills in the defaults of an object's own fields. */
export function withDefault<T>(of: Field<T, Presence>, value: unknown): Field<T, "always"> {
  const json = { ...of.json, default: value };
  return { json, presence: "always", isRequired: false };
}

/** The same field under more CEL rules. */
export function ruled<T, P extends Presence>(of: Field<T, P>, ...rules: Rule[]): Field<T, P> {
  const all = [...(of.json["x-kubernetes-validations"] ?? []), ...rules];
  return { ...of, json: { ...of.json, "x-kubernetes-validations": all } };
}

/** The field cannot change once it is set. */
export function immutable<T, P extends Presence>(of: Field<T, P>, name: string): Field<T, P> {
  return ruled(of, { rule: "self == oldSelf", message: `${name} cannot be changed` });
}

interface TextBounds {
  readonly max?: number;
  readonly min?: number;
  readonly pattern?: string;
}

const defaultMaxLength = 253;

export function text(description: string, bounds: TextBounds = {}): Field<string> {
  return field({
    type: "string",
    description,
    ...(bounds.min === undefined ? {} : { minLength: bounds.min }),
    maxLength: bounds.max ?? defaultMaxLength,
    ...(bounds.pattern === undefined ? {} : { pattern: bounds.pattern }),
  });
}

export function choice<const C extends readonly string[]>(
  description: string,
  choices: C,
): Field<C[number]> {
  return field({ type: "string", description, enum: choices });
}

/** Kubernetes' amounts: 8Gi, 500m. */
export function quantity(description: string): Field<string> {
  const pattern = "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$";
  return text(description, { max: 32, pattern });
}

/** Go's durations: 90s, 1h30m, and days as d are not among them. */
export function duration(description: string): Field<string> {
  return text(description, { max: 32, pattern: "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$" });
}

export function time(description: string): Field<string> {
  return field({ type: "string", format: "date-time", description });
}

export function integer(
  description: string,
  bounds: { readonly from: number; readonly to: number },
): Field<number> {
  return field({
    type: "integer",
    format: "int64",
    description,
    minimum: bounds.from,
    maximum: bounds.to,
  });
}

export function bool(description: string): Field<boolean> {
  return field({ type: "boolean", description });
}

export function object<F extends Fields>(
  description: string,
  fields: F,
  ...rules: Rule[]
): Field<ObjectOf<F>> {
  const names = Object.keys(fields).filter((name) => fields[name]?.isRequired);
  return field({
    type: "object",
    description,
    ...(names.length === 0 ? {} : { required: names }),
    properties: Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, one.json])),
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  });
}

/** An object of which exactly one field is set: the kinds of one thing. */
export function oneOf<F extends Fields>(description: string, fields: F): Field<ObjectOf<F>> {
  const names = Object.keys(fields);
  return object(description, fields, {
    rule: `[${names.map((name) => `has(self.${name})`).join(", ")}].filter(x, x).size() == 1`,
    message: `exactly one of ${names.join(", ")} must be set`,
  });
}

export function list<T>(
  description: string,
  items: Field<T, Presence>,
  bounds: { readonly max: number; readonly key?: string },
): Field<readonly T[]> {
  const kind =
    bounds.key === undefined
      ? ({ "x-kubernetes-list-type": "atomic" } as const)
      : ({
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": [bounds.key],
        } as const);
  return field({ type: "array", description, maxItems: bounds.max, items: items.json, ...kind });
}

/** A map from any name to values of one kind. */
export function mapOf<T>(
  description: string,
  values: Field<T, Presence>,
  bounds: { readonly max: number },
): Field<Readonly<Record<string, T>>> {
  return field({
    type: "object",
    description,
    maxProperties: bounds.max,
    additionalProperties: values.json,
  });
}

/** An object of Kubernetes' own that is handed on as it is; its fields are judged where it is used. */
export function open<T>(description: string): Field<T> {
  return field({ type: "object", description, "x-kubernetes-preserve-unknown-fields": true });
}
