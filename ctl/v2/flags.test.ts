import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommand, parseLeading, type V2Flag, V2FlagError, type V2Flags } from "./flags.ts";

const flags: readonly V2Flag[] = [
  { names: ["recursive", "r"], kind: "bool", usage: "" },
  { names: ["ttl"], kind: "int", usage: "" },
  { names: ["timeout"], kind: "duration", initial: 2000, usage: "" },
  { names: ["output", "o"], kind: "string", initial: "simple", usage: "" },
  { names: ["roles"], kind: "list", usage: "" },
];

function shown(parsed: V2Flags): object {
  return {
    r: parsed.bool("r"),
    ttl: parsed.number("ttl"),
    timeout: parsed.number("timeout"),
    o: parsed.string("output"),
    roles: parsed.list("roles"),
    args: parsed.args,
    behind: parsed.behindDashes,
  };
}

const none = {
  r: false,
  ttl: 0,
  timeout: 2000,
  o: "simple",
  roles: [],
  args: [],
  behind: undefined,
};

test("flags of a command stand anywhere before --", () => {
  const table: readonly (readonly [string, object])[] = [
    ["", {}],
    ["k v", { args: ["k", "v"] }],
    ["k -ttl 5 v", { ttl: 5, args: ["k", "v"] }],
    ["--ttl=0x10 k", { ttl: 16, args: ["k"] }],
    ["-r k -o json", { r: true, o: "json", args: ["k"] }],
    ["--recursive=F k", { args: ["k"] }],
    ["k --timeout 1m --roles a --roles b,c", { args: ["k"], timeout: 60_000, roles: ["a", "b,c"] }],
    ["k -r -- sh -c x", { r: true, args: ["k"], behind: ["sh", "-c", "x"] }],
    ["-- k -1", { behind: ["k", "-1"] }],
    ["k --nope", { args: ["k", "--nope"] }],
    ["k -", { args: ["k", "-"] }],
    ["k --ttl -1", { ttl: -1, args: ["k"] }],
  ];
  for (const [line, wanted] of table) {
    const words = line === "" ? [] : line.split(" ");
    assert.deepEqual(shown(parseCommand(flags, words)), { ...none, ...wanted }, line);
  }
});

test("what is wrong with a command's flags", () => {
  const table: readonly (readonly [string, string])[] = [
    ["--ttl x", 'invalid value "x" for flag -ttl: parse error'],
    [
      "--ttl 99999999999999999999",
      'invalid value "99999999999999999999" for flag -ttl: value out of range',
    ],
    ["k --ttl", "flag needs an argument: -ttl"],
    ["--timeout 5", 'invalid value "5" for flag -timeout: parse error'],
    ["-r=maybe", 'invalid boolean value "maybe" for -r: parse error'],
    ["--nope k", "flag provided but not defined: -nope"],
    ["--output a -o b", "Cannot use two forms of the same flag: o output"],
    ["---r", "bad flag syntax: ---r"],
  ];
  for (const [line, message] of table) {
    assert.throws(
      () => parseCommand(flags, line.split(" ")),
      (thrown) => thrown instanceof V2FlagError && thrown.message === message,
      line,
    );
  }
});

test("flags before a command end at the first word that is none", () => {
  const { parsed, rest } = parseLeading(flags, ["-o", "json", "--ttl=3", "set", "--ttl", "4"]);
  assert.deepEqual(shown(parsed), { ...none, o: "json", ttl: 3 });
  assert.deepEqual(rest, ["set", "--ttl", "4"]);
  assert.deepEqual(parseLeading(flags, ["-r", "--", "-x"]).rest, ["-x"]);
});
