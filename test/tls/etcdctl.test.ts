// Our etcdctl and the reference's, with the flags of TLS, side by side against one member; and users by
// the common names of their certificates.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import {
  cleanEnvironment,
  Folder,
  type Outcome,
  outcomeOf,
  startMembers,
} from "./secured-member.ts";

const authority = await TestAuthority.create("root");
const own = join(import.meta.dirname, "..", "..", "bin", "etcdctl");

/** What a person sees; Go's client logs beside it. */
function seen({ code, stdout, stderr }: Outcome): readonly unknown[] {
  const lines = stderr.split("\n").filter((line) => !line.startsWith("{"));
  return [code, stdout, lines.join("\n")];
}

/** Runs a program on a terminal of its own and types each answer once all before it ends with its question. */
async function onTerminal(
  command: readonly string[],
  answers: readonly (readonly [RegExp, string])[],
): Promise<{ readonly code: number; readonly text: string }> {
  const child = spawn(
    "script",
    ["--quiet", "--return", "--command", command.join(" "), "/dev/null"],
    {
      env: cleanEnvironment(),
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  let text = "";
  let next = 0;
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).replaceAll("\r\n", "\n");
    if (answers[next]?.[0].test(text) === true) child.stdin.write(answers[next++]![1]);
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, text };
}

test("etcdctl with TLS, as the reference's; the common name is the user", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const { etcdctl } = reference;
  using folder = new Folder();
  const ca = folder.put("ca.crt", authority.cert);
  const other = folder.put("other.crt", (await TestAuthority.create("another")).cert);
  const junk = folder.put("junk", "x");
  const server = folder.putPair("server", await authority.issue("server"));
  const alice = folder.putPair("alice", await authority.issue("alice"));
  const bob = folder.putPair("bob", await authority.issue("bob"));
  const nameless = folder.putPair("nameless", await authority.issue(""));
  await using members = await startMembers(
    folder,
    ["ours"],
    () => [
      `--cert-file=${server.cert}`,
      `--key-file=${server.key}`,
      "--client-cert-auth",
      `--trusted-ca-file=${ca}`,
      // Over TLS nobody is asked for a name.
      "--host-whitelist=elsewhere.test",
    ],
    { client: "https", peer: "http" },
  );
  const { clientUrl } = members[0]!;
  const by = (pair: { cert: string; key: string }) => [
    `--cacert=${ca}`,
    `--cert=${pair.cert}`,
    `--key=${pair.key}`,
  ];
  const run = (program: string, args: readonly string[]): Promise<Outcome> =>
    outcomeOf(
      program,
      [`--endpoints=${clientUrl}`, "--command-timeout=3s", ...args],
      cleanEnvironment(),
    );
  const bare = `--endpoints=${new URL(clientUrl).host}`;
  const rows: readonly (readonly string[])[] = [
    [...by(alice), "put", "a", "b"],
    [bare, ...by(alice), "get", "a"],
    [bare, ...by(alice), "--insecure-transport=false", "--insecure-skip-tls-verify", "get", "a"],
    [...by(alice), "member", "list"],
    [`--cacert=${ca}`, `--cert=${alice.cert}`, "get", "a"],
    [`--cacert=${ca}`, `--cert=${junk}`, `--key=${alice.key}`, "get", "a"],
    [`--cacert=${ca}`, `--cert=${alice.cert}`, `--key=${junk}`, "get", "a"],
    [`--cacert=${ca}`, `--cert=${alice.cert}`, `--key=${bob.key}`, "get", "a"],
    [`--cacert=${ca}`, "--cert=/none", "--key=/none", "get", "a"],
    ["--cacert=/none", "get", "a"],
    ["--cacert=", "get", "a"],
    [`--cacert=${other}`, `--cert=${alice.cert}`, `--key=${alice.key}`, "get", "a"],
  ];
  for (const args of rows) {
    const both = await Promise.all([run(etcdctl, args), run(own, args)]);
    const [theirs, ours] = both.map(seen);
    assert.deepEqual(ours, theirs, args.join(" "));
  }

  const root = async (...args: readonly string[]) => {
    const done = await run(etcdctl, [...by(alice), ...args]);
    assert.equal(done.code, 0, done.stderr);
  };
  await root("user", "add", "root:secret");
  await root("user", "grant-role", "root", "root");
  await root("user", "add", "alice", "--no-password");
  await root("role", "add", "writer");
  await root("role", "grant-permission", "writer", "readwrite", "a");
  await root("user", "grant-role", "alice", "writer");
  await root("auth", "enable");
  const denied = /permission denied/;
  assert.equal((await run(etcdctl, [...by(alice), "put", "a", "c"])).stdout, "OK\n");
  assert.match((await run(etcdctl, [...by(alice), "put", "z", "c"])).stderr, denied);
  assert.match((await run(etcdctl, [...by(bob), "put", "a", "c"])).stderr, denied);

  // A password that is not given is asked for: unseen on a terminal, and of a pipe all the same.
  const asRoot = [own, `--endpoints=${clientUrl}`, ...by(nameless), "--user=root"];
  const [typed, ended, piped] = await Promise.all([
    onTerminal(
      [...asRoot, "user", "add", "typed"],
      [
        [/^Password of typed: $/, "one\r"],
        [/again for confirmation: $/, "ox\x7fne\r"],
        [/\nPassword: $/, "secret\r"],
      ],
    ),
    onTerminal([...asRoot, "get", "a"], [[/^Password: $/, "\x04"]]),
    outcomeOf(
      "sh",
      ["-c", 'printf \'two\\ntwo\\nsecret\' | "$0" "$@"', ...asRoot, "user", "add", "piped"],
      cleanEnvironment(),
    ),
  ]);
  const asked = (name: string) =>
    `Password of ${name}: \nType password of ${name} again for confirmation: \n` +
    `Password: \nUser ${name} created\n`;
  assert.deepEqual(typed, { code: 0, text: asked("typed") });
  assert.deepEqual(ended, { code: 1, text: "Password: \nError: etcdserver: permission denied\n" });
  assert.deepEqual(piped, { code: 0, stdout: asked("piped"), stderr: "" });

  // The gateway takes no names of certificates, whichever HTTP it is asked in; a token it does.
  const gateway = async (version: string, path: string, pair: typeof alice, body: object) => {
    const asked = await outcomeOf("curl", [
      ...["-sS", version, "--cacert", ca, "--cert", pair.cert, "--key", pair.key],
      ...["-w", " %{http_code} %{http_version}", `${clientUrl}${path}`],
      ...["-d", JSON.stringify(body)],
    ]);
    return asked.stdout + asked.stderr;
  };
  const unused =
    "CommonName of client sending a request against gateway will be ignored and not used as expected\n";
  for (const [option, version] of [
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ] as const) {
    for (const path of ["/v3/kv/range", "/v3beta/kv/range"]) {
      assert.equal(await gateway(option, path, alice, { key: "YQ==" }), `${unused} 400 ${version}`);
    }
    assert.match(await gateway(option, "/version", alice, {}), new RegExp(` 405 ${version}$`));
    assert.equal(
      await gateway(option, "/v3/kv/range", nameless, { key: "YQ==" }),
      `{"code":3,"message":"etcdserver: user name is empty"} 400 ${version}`,
    );
    const logIn = { name: "typed", password: "one" };
    assert.match(await gateway(option, "/v3/auth/authenticate", nameless, logIn), /"token":"/);
  }
});
