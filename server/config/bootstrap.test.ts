import assert from "node:assert/strict";
import { test } from "node:test";
import { bootstrapMembers, formatInitialCluster } from "#server/config/bootstrap.ts";
import { parseServerConfig } from "#server/config/config.ts";

function bootstrap(argv: readonly string[]) {
  const result = parseServerConfig({
    argv,
    env: {},
    readFile: () => assert.fail("no file was named"),
  });
  assert(result.kind === "run", JSON.stringify(result));
  return bootstrapMembers(result.config);
}

test("members of a static cluster", () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [[], "default=http://localhost:2380"],
    [["--name=a"], "a=http://localhost:2380"],
    [
      ["--initial-cluster=default=http://127.0.0.1:2380,,b=http://h:1"],
      "b=http://h:1,default=http://127.0.0.1:2380",
    ],
    [
      [
        "--name=a",
        "--initial-cluster=b=http://h:1,a=http://x:2,a=http://x:1",
        "--initial-advertise-peer-urls=http://x:2,http://x:1",
      ],
      "a=http://x:1,a=http://x:2,b=http://h:1",
    ],
    [
      [
        "--name=a",
        "--initial-cluster-state=existing",
        "--initial-cluster=a=http://other:1,b=http://h:1",
      ],
      "a=http://other:1,b=http://h:1",
    ],
  ];
  for (const [argv, want] of rows) {
    const got = bootstrap(argv);
    assert(got.ok, JSON.stringify(got));
    assert.equal(formatInitialCluster(got.members), want, argv.join(" "));
  }
});

test("what cannot be started, in etcd's words", () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [
      ["--name=a", "--initial-cluster=b=http://h:1"],
      `couldn't find local name "a" in the initial cluster configuration`,
    ],
    [
      ["--initial-cluster="],
      `couldn't find local name "default" in the initial cluster configuration`,
    ],
    [
      ["--name=a", "--initial-cluster=a=foo"],
      "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: foo (--initial-cluster=a=foo)",
    ],
    [
      ["--name=a", "--initial-cluster=a=http://127.0.0.1:2381"],
      '--initial-cluster has a=http://127.0.0.1:2381 but missing from --initial-advertise-peer-urls=http://localhost:2380 (resolved urls: "http://localhost:2380" != "http://127.0.0.1:2381")',
    ],
    [
      [
        "--name=a",
        "--initial-cluster=a=http://h:1",
        "--initial-advertise-peer-urls=http://h:1,http://h:2",
      ],
      "--initial-advertise-peer-urls has http://h:2 but missing from --initial-cluster=a=http://h:1,a=http://h:2",
    ],
    [
      ["--name=a", "--initial-cluster=a=http://localhost:2380,b=http://localhost:2380"],
      "initial cluster a=http://localhost:2380,b=http://localhost:2380 has duplicate url",
    ],
  ];
  for (const [argv, want] of rows) {
    const got = bootstrap(argv);
    assert.equal(got.ok ? "accepted" : got.reason, want, argv.join(" "));
  }
});
