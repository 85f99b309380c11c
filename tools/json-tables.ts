// Makes proto/gen/json-tables.ts: of every message that a service of etcd takes or gives, the fields
// with their names in JSON. It is what the JSON gateway works by, so that a field added to a .proto
// file is there, too.

/** What buf prints of proto/etcd (google.protobuf.FileDescriptorSet in JSON), as far as it is read. */
export interface DescriptorSet {
  readonly file: readonly FileDescriptor[];
}

interface FileDescriptor {
  readonly package?: string;
  readonly messageType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
  readonly service?: readonly {
    readonly name: string;
    readonly method?: readonly {
      readonly name: string;
      readonly inputType: string;
      readonly outputType: string;
    }[];
  }[];
}

interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly FieldDescriptor[];
  readonly nestedType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
  readonly oneofDecl?: readonly { readonly name: string }[];
}

interface FieldDescriptor {
  readonly name: string;
  readonly jsonName: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}

interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number?: number }[];
}

const packages = ["etcdserverpb", "v3lockpb", "v3electionpb"];

/** The source of the tables. */
export function jsonTables(set: DescriptorSet): string {
  const messages = new Map<string, MessageDescriptor>();
  const enums = new Map<string, EnumDescriptor>();
  for (const file of set.file) {
    const collect = (prefix: string, message: MessageDescriptor): void => {
      const name = `${prefix}.${message.name}`;
      messages.set(name, message);
      for (const one of message.nestedType ?? []) collect(name, one);
      for (const one of message.enumType ?? []) enums.set(`${name}.${one.name}`, one);
    };
    const prefix = file.package === undefined ? "" : `.${file.package}`;
    for (const message of file.messageType ?? []) collect(prefix, message);
    for (const one of file.enumType ?? []) enums.set(`${prefix}.${one.name}`, one);
  }
  const methods: string[] = [];
  const wanted = new Set<string>();
  for (const file of set.file) {
    if (!packages.includes(file.package ?? "")) continue;
    for (const service of file.service ?? []) {
      for (const { name, inputType, outputType } of service.method ?? []) {
        methods.push(
          `  "/${file.package}.${service.name}/${name}": { input: ${text(inputType)}, output: ${text(outputType)} },`,
        );
        wanted.add(inputType).add(outputType);
      }
    }
  }
  const lines: string[] = [];
  const usedEnums = new Set<string>();
  for (const name of wanted) {
    const message = messages.get(name);
    if (message === undefined) throw new Error(`no message ${name}`);
    lines.push(`  ${text(name)}: [`);
    for (const field of message.field ?? []) {
      lines.push(`    ${fieldText(name, message, field)},`);
      if (field.type === "TYPE_MESSAGE") wanted.add(field.typeName!);
      if (field.type === "TYPE_ENUM") usedEnums.add(field.typeName!);
    }
    lines.push("  ],");
  }
  const enumLines = [...usedEnums].map((name) => {
    const values = enums.get(name)!.value.map((one) => `[${one.number ?? 0}, "${one.name}"]`);
    return `  ${text(name)}: [${values.join(", ")}],`;
  });
  return [
    "// Made from proto/etcd by tools/json-tables.ts. Do not edit.",
    'import type { JsonField, JsonMethod } from "#proto/json-table.ts";',
    "",
    "/** By the path of the method. */",
    "export const jsonMethods: Readonly<Record<string, JsonMethod>> = {",
    ...methods,
    "};",
    "",
    "/** The fields of each message, as declared. */",
    "export const jsonMessages: Readonly<Record<string, readonly JsonField[]>> = {",
    ...lines,
    "};",
    "",
    "/** Number and name of each value. */",
    "export const jsonEnums: Readonly<Record<string, readonly (readonly [number, string])[]>> = {",
    ...enumLines,
    "};",
    "",
  ].join("\n");
}

function text(typeName: string): string {
  return JSON.stringify(typeName.slice(1));
}

function fieldText(owner: string, message: MessageDescriptor, field: FieldDescriptor): string {
  const parts = [
    `number: ${field.number}`,
    `name: "${field.name}"`,
    `jsonName: "${field.jsonName}"`,
    `kind: "${field.type.slice(5).toLowerCase()}"`,
  ];
  if (field.typeName !== undefined) parts.push(`type: ${text(field.typeName)}`);
  if (field.label === "LABEL_REPEATED") parts.push("isRepeated: true");
  if (field.proto3Optional === true) parts.push("isOptional: true");
  else if (field.oneofIndex !== undefined)
    parts.push(`oneof: ${text(`${owner}.${message.oneofDecl![field.oneofIndex]!.name}`)}`);
  return `{ ${parts.join(", ")} }`;
}
