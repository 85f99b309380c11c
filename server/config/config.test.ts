import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfigSources, parseServerConfig } from "#server/config/config.ts";
import { helpText } from "#server/config/help.ts";
import { oldNames, optionEntries } from "#server/config/options.ts";
import type { ServerConfig } from "#server/config/server-config.ts";

interface Given {
  readonly env?: Record<string, string>;
  readonly file?: string;
  readonly defaultHost?: string;
}

function parse(argv: readonly string[], given: Given = {}) {
  const sources: ConfigSources = {
    argv,
    env: given.env ?? {},
    readFile(path) {
      if (path !== "c.yaml" || given.file === undefined) {
        throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      }
      return given.file;
    },
    ...(given.defaultHost === undefined ? {} : { defaultHost: given.defaultHost }),
  };
  return parseServerConfig(sources);
}

function config(argv: readonly string[], given: Given = {}): ServerConfig {
  const result = parse(argv, given);
  assert.equal(result.kind, "run", JSON.stringify(result));
  assert(result.kind === "run");
  return result.config;
}

function failure(argv: readonly string[], given: Given = {}): string {
  const result = parse(argv, given);
  assert(result.kind === "error", `${argv.join(" ")} was accepted`);
  return `${result.exitCode} ${result.message}`;
}

test("without anything: etcd's defaults", () => {
  const got = config([]);
  assert.equal(got.name, "default");
  assert.equal(got.dataDir, "default.etcd");
  assert.equal(got.walDir, undefined);
  assert.equal(got.electionTicks, 10);
  assert.equal(got.requestTimeoutMs, 7000);
  assert.equal(got.quotaBytes, 2147483648);
  assert.equal(got.initialCluster, "default=http://localhost:2380");
  assert.deepEqual(got.advertiseClientUrls, ["http://localhost:2379"]);
  assert.deepEqual(got.listenPeerUrls, [
    { text: "http://localhost:2380", scheme: "http", host: "localhost", port: 2380 },
  ]);
  assert.deepEqual(got.log, { level: "info", format: "json", outputs: ["stderr"] });
  assert.equal(got.grpcKeepaliveIntervalMs, 7_200_000);
  assert.equal(got.preVote, true);
});

test("a flag may be written in every way that Go's flag package takes", () => {
  const ways: readonly (readonly string[])[] = [
    ["--name", "a"],
    ["-name", "a"],
    ["--name=a"],
    ["-name=a"],
    ["--name=b", "--name=a"],
    ["--name=a", "--"],
    ["--force", "--name=a", "-vv", "--snapshot=x"],
  ];
  for (const argv of ways) assert.equal(config(argv).name, "a", argv.join(" "));
  for (const [argv, want] of [
    [["--pre-vote"], true],
    [["--pre-vote=false"], false],
    [["-pre-vote=F"], false],
    [["--pre-vote=0", "--pre-vote=1"], true],
  ] as const) {
    assert.equal(config(argv).preVote, want, argv.join(" "));
  }
  assert.equal(config(["--heartbeat-interval=0x10", "--election-timeout=1_000"]).heartbeatMs, 16);
  assert.equal(config(["--grpc-keepalive-min-time=1m1.5s"]).grpcKeepaliveMinTimeMs, 61_500);
  assert.equal(config(["--quota-backend-bytes=-1"]).quotaBytes, undefined);
  assert.equal(config(["--max-concurrent-streams=0"]).maxConcurrentStreams, 2 ** 32 - 1);
  assert.equal(
    config(["--quota-backend-bytes=9223372036854775807"]).quotaBytes,
    Number.MAX_SAFE_INTEGER,
  );
});

test("what the command line refuses, in etcd's words", () => {
  const flag = "for flag -listen-client-urls";
  const rows: readonly (readonly [readonly string[], string])[] = [
    [["--nope"], "2 flag provided but not defined: -nope"],
    [["-nope=1"], "2 flag provided but not defined: -nope"],
    [["--name"], "2 flag needs an argument: -name"],
    [["---name", "a"], "2 bad flag syntax: ---name"],
    [["--=a"], "2 bad flag syntax: --=a"],
    [["--pre-vote=maybe"], '2 invalid boolean value "maybe" for -pre-vote: parse error'],
    [
      ["--heartbeat-interval=abc"],
      '2 invalid value "abc" for flag -heartbeat-interval: parse error',
    ],
    [["--heartbeat-interval=-1"], '2 invalid value "-1" for flag -heartbeat-interval: parse error'],
    [
      ["--snapshot-count=18446744073709551616"],
      '2 invalid value "18446744073709551616" for flag -snapshot-count: value out of range',
    ],
    [
      ["--max-concurrent-streams=4294967296"],
      '2 invalid value "4294967296" for flag -max-concurrent-streams: strconv.ParseUint: parsing "4294967296": value out of range',
    ],
    [
      ["--grpc-keepalive-min-time=5"],
      '2 invalid value "5" for flag -grpc-keepalive-min-time: parse error',
    ],
    [
      ["--initial-cluster-state=bad"],
      '2 invalid value "bad" for flag -initial-cluster-state: invalid value',
    ],
    [
      ["--feature-gates=Nope=true"],
      '2 invalid value "Nope=true" for flag -feature-gates: unrecognized feature gate: Nope',
    ],
    [
      ["--feature-gates=LeaseCheckpoint"],
      '2 invalid value "LeaseCheckpoint" for flag -feature-gates: missing bool value for LeaseCheckpoint',
    ],
    [
      ["--listen-client-urls=foo"],
      `2 invalid value "foo" ${flag}: URL scheme must be http, https, unix, or unixs: foo`,
    ],
    [
      ["--listen-client-urls=http://127.0.0.1"],
      `2 invalid value "http://127.0.0.1" ${flag}: URL address does not have the form "host:port": http://127.0.0.1`,
    ],
    [
      ["--listen-client-urls=http://h:1/p"],
      `2 invalid value "http://h:1/p" ${flag}: URL must not contain a path: http://h:1/p`,
    ],
    [
      ["--listen-client-urls=http://h:x"],
      `2 invalid value "http://h:x" ${flag}: parse "http://h:x": invalid port ":x" after host`,
    ],
    [
      ["--listen-client-urls=http://h :1"],
      `2 invalid value "http://h :1" ${flag}: parse "http://h :1": invalid character " " in host name`,
    ],
    [
      ["--listen-client-urls=http://[::1:1"],
      `2 invalid value "http://[::1:1" ${flag}: parse "http://[::1:1": missing ']' in host`,
    ],
    [
      ["--listen-client-urls=http://h:65536"],
      `2 invalid value "http://h:65536" ${flag}: URL port must be between 0 and 65535: http://h:65536`,
    ],
    [["stray"], '1 "stray" is not a valid flag'],
    [["--name", "a", "stray"], '1 "stray" is not a valid flag'],
    [["-"], '1 "-" is not a valid flag'],
    [["--listen-peer-urls=http://foo:1"], "1 expected IP in URL for binding (http://foo:1)"],
    [
      ["--listen-client-urls=http://127.0.0.1:1"],
      "1 --advertise-client-urls is required when --listen-client-urls is set explicitly",
    ],
    [
      ["--initial-advertise-peer-urls=http://:1"],
      '1 --initial-advertise-peer-urls "http://:1" must be "host:port" (unexpected empty host (http://:1))',
    ],
    [["--heartbeat-interval=0"], "1 --heartbeat-interval must be >0 (set to 0ms)"],
    [["--election-timeout=0"], "1 --election-timeout must be >0 (set to 0ms)"],
    [
      ["--election-timeout=499"],
      "1 --election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    ],
    [
      ["--election-timeout=60000"],
      "1 --election-timeout[60000ms] is too long, and should be set less than 50000ms",
    ],
    [["--auto-compaction-mode=x"], '1 unknown auto-compaction-mode "x"'],
    [["--io-threads=17"], "1 --io-threads must be at most 16 (set to 17)"],
    [["--corrupt-check-time=-1s"], "1 --corrupt-check-time must be >=0 (set to -1s)"],
    [["--compact-hash-check-time=0s"], "1 --compact-hash-check-time must be >0 (set to 0s)"],
    [["--discovery-token=x"], "1 both --discovery-token and --discovery-endpoints must be set"],
    [
      ["--discovery-srv=x", "--initial-cluster=a=http://h:1"],
      '1 multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
    ],
    [
      ["--discovery-fallback=proxy"],
      `1 v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`,
    ],
    [["--logger=capnslog"], "1 --logger=capnslog is removed in v3.5"],
    [["--log-format=bad"], "1 unknown log format: bad, supported values json, console"],
    [["--log-level=bad"], '1 unrecognized level: "bad"'],
    [["--config-file=gone.yaml"], "1 open gone.yaml: no such file or directory"],
  ];
  for (const [argv, want] of rows) assert.equal(failure(argv), want, argv.join(" "));
});

test("a flag whose feature is not there is refused, unless it says what holds anyway", () => {
  const { featureGates } = config(["--experimental-enable-lease-checkpoint"]);
  assert.equal(featureGates.get("LeaseCheckpoint"), true);
  for (const [name, spec] of optionEntries) {
    if (spec.support !== "later") continue;
    assert.equal(config([`--${name}=${spec.default}`]).name, "default", name);
    const other = {
      bool: spec.default === "true" ? "false" : "true",
      uint: "7",
      int: "7",
      uint32: "7",
      duration: "7s",
      urls: "http://127.0.0.1:7",
      origins: "http://o:7",
      choice: spec.choices?.[1] ?? "",
      list: "x",
    };
    const text = other[spec.type as keyof typeof other] ?? "x";
    const result = parse([`--${name}=${text}`]);
    assert.equal(result.kind, "error", `--${name}=${text}`);
  }
});

test("SetMemberLocalAddr: the first advertised peer address that is not loopback", () => {
  const rows = [
    ["http://127.0.0.1:2380,http://10.0.0.7:2380", "10.0.0.7"],
    ["http://[::1]:2380,http://[fd00::7]:2380", "fd00::7"],
    ["http://0.0.0.0:2380,http://[::]:2380", undefined],
    ["http://host.example:2380", undefined],
  ] as const;
  for (const [urls, want] of rows) {
    const argv = [
      `--initial-advertise-peer-urls=${urls}`,
      `--initial-cluster=${urls.replaceAll("http:", "default=http:")}`,
    ];
    const gate = "--feature-gates=SetMemberLocalAddr=true";
    assert.equal(config([...argv, gate]).peerLocalAddress, want, urls);
    assert.equal(config(argv).peerLocalAddress, undefined, "without the gate");
  }
});

test("an option without effect is accepted with a warning", () => {
  const argv = ["--max-wals=7", "--max-snapshots=5", "--feature-gates=FastLeaseKeepAlive=false"];
  const result = parse(argv);
  assert.ok(result.kind === "run");
  assert.deepEqual(
    result.warnings.filter((one) => one.message.includes("no effect")).map((one) => one.fields),
    [{ option: "--max-wals" }, { option: "--feature-gates=FastLeaseKeepAlive=false" }],
  );
});

test("times fit into timers", () => {
  const longest = 2 ** 31 - 1;
  const keepalives = [
    [["--grpc-keepalive-interval=0s"], 5000, 7_200_000, 20_000],
    [["--grpc-keepalive-interval=9s", "--grpc-keepalive-timeout=0s"], 5000, 7_200_000, 20_000],
    [["--grpc-keepalive-interval=9s", "--grpc-keepalive-timeout=3s"], 5000, 9000, 3000],
    [["--grpc-keepalive-interval=9ms"], 5000, 1000, 20_000],
    [["--grpc-keepalive-min-time=0s"], 300_000, 7_200_000, 20_000],
  ] as const;
  for (const [argv, ...want] of keepalives) {
    const got = config(argv);
    assert.deepEqual(
      [got.grpcKeepaliveMinTimeMs, got.grpcKeepaliveIntervalMs, got.grpcKeepaliveTimeoutMs],
      want,
      argv.join(" "),
    );
  }
  const long = config([
    "--watch-progress-notify-interval=99999h",
    "--grpc-keepalive-interval=999h",
  ]);
  assert.equal(long.watchProgressNotifyMs, longest);
  assert.equal(long.grpcKeepaliveIntervalMs, longest);
  assert.equal(config(["--watch-progress-notify-interval=1ms"]).watchProgressNotifyMs, 100);
});

test("help and version", () => {
  for (const word of ["-h", "--help", "-help"]) {
    const result = parse(["--name=x", word]);
    assert.equal(result.kind, "help");
  }
  assert.equal(parse(["--version"]).kind, "version");
  assert.match(failure(["--version", "x"]), /is not a valid flag/);
  const help = helpText();
  for (const [name, spec] of optionEntries) {
    assert.ok(help.includes(`\n  --${name} '${spec.default}'`), name);
    assert.ok(spec.help.length > 10, name);
  }
});

test("environment: used, shadowed, unknown, unparsable", () => {
  assert.equal(config([], { env: { ETCD_NAME: "e", ETCD_HEARTBEAT_INTERVAL: "" } }).name, "e");
  assert.equal(config(["--pre-vote=false"], { env: { ETCD_NAME: "e" } }).preVote, false);
  assert.equal(
    failure(["--name=f"], { env: { ETCD_NAME: "e" } }),
    "1 conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag)): ETCD_NAME",
  );
  assert.match(failure(["--name=f"], { env: { ETCD_NAME: "" } }), /^1 conflicting/);
  assert.equal(
    failure([], { env: { ETCD_PRE_VOTE: "maybe" } }),
    '1 invalid value "maybe" for ETCD_PRE_VOTE: parse error',
  );
  assert.equal(
    failure([], { env: { ETCD_LISTEN_CLIENT_URLS: "http://127.0.0.1:1" } }),
    "1 --advertise-client-urls is required when --listen-client-urls is set explicitly",
  );
  const result = parse([], {
    env: { ETCD_FOO: "1", ETCD_VERSION: "3", ETCD_UNSUPPORTED_ARCH: "arm" },
  });
  const messages = result.kind === "run" ? result.warnings.map((note) => note.message) : [];
  assert.ok(messages.includes("unrecognized environment variable"));
  assert.ok(messages.includes("cannot set special environment variable"));
  assert.equal(messages.filter((message) => message.startsWith("unrecognized")).length, 1);
});

test("secrets of the environment are not logged", () => {
  const result = parse([], { env: { ETCD_DISCOVERY_PASSWORD: "hunter2" } });
  assert.equal(JSON.stringify(result).includes("hunter2"), false);
});

test("config file: everything else is ignored", () => {
  const file = [
    "name: f",
    "data-dir: /d",
    "heartbeat-interval: 200",
    "election-timeout: 2500",
    "listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2",
    "grpc-keepalive-min-time: 7000000000",
    "pre-vote: no",
    "log-outputs: [stdout, /tmp/x]",
    "feature-gates: TxnModeWriteWithSharedBuffer=false",
    "socket-options: {reuse-address: true}",
    "client-transport-security: {cert-file: ''}",
    "unknown-key: 3",
    "initial-cluster-state: ''",
    "initial-cluster: a=http://h:1",
  ].join("\n");
  const got = config(["--name=ignored", "--config-file=c.yaml"], {
    file,
    env: { ETCD_NAME: "ignored", ETCD_PRE_VOTE: "junk" },
  });
  assert.equal(got.name, "f");
  assert.equal(got.electionTicks, 12);
  assert.equal(got.grpcKeepaliveMinTimeMs, 7000);
  assert.equal(got.preVote, false);
  assert.equal(got.listenClientUrls.length, 2);
  assert.deepEqual(got.advertiseClientUrls, ["http://localhost:2379"]);
  assert.deepEqual(got.log.outputs, ["stdout", "/tmp/x"]);
  assert.equal(got.featureGates.get("TxnModeWriteWithSharedBuffer"), false);
  assert.equal(got.initialClusterState, "new");
  assert.equal(config([], { file, env: { ETCD_CONFIG_FILE: "c.yaml" } }).name, "f");
  assert.equal(config(["--config-file=c.yaml"], { file: '{"name": "j"}' }).name, "j");
  assert.equal(config(["--config-file=c.yaml"], { file: "" }).name, "default");
});

test("config file: what is wrong is named", () => {
  const rows = [
    [
      "heartbeat-interval: abc",
      'c.yaml: heartbeat-interval must be an integer, not the text "abc"',
    ],
    ["name: [a]", "c.yaml: name must be a text, not a list"],
    ["name: 3", "c.yaml: name must be a text, not 3"],
    ["pre-vote: 'yes'", 'c.yaml: pre-vote must be true or false, not the text "yes"'],
    [
      "grpc-keepalive-min-time: 5s",
      'c.yaml: grpc-keepalive-min-time must be a duration in integer nanoseconds (10s is 10000000000), not the text "5s"',
    ],
    ["election-timeout: -1", 'c.yaml: election-timeout "-1": parse error'],
    ["log-outputs: stderr", 'c.yaml: log-outputs must be a list of texts, not the text "stderr"'],
    [
      "listen-client-urls: foo",
      'c.yaml: listen-client-urls "foo": URL scheme must be http, https, unix, or unixs: foo',
    ],
    ["peer-transport-security: 3", "c.yaml: peer-transport-security must be a map, not 3"],
    [
      "peer-transport-security: {cert-file: x}",
      "KeyFile and CertFile must both be present[key: , cert: x] (--peer-cert-file, --peer-key-file)",
    ],
    ["- a", "c.yaml: must be a map of options, not a list"],
    [
      "election-timeout: 100",
      "--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    ],
  ] as const;
  for (const [file, want] of rows) {
    assert.equal(failure(["--config-file=c.yaml"], { file }), `1 ${want}`, file);
  }
  assert.match(failure(["--config-file=c.yaml"], { file: "a: {" }), /^1 c.yaml: not YAML or JSON/);
  const bomb = `a: &a [x]\n${"bcdefghij"
    .split("")
    .map((key, at) => `${key}: &${key} [${`*${"abcdefghij"[at]},`.repeat(9)}]`)
    .join("\n")}`;
  assert.match(failure(["--config-file=c.yaml"], { file: bomb }), /^1 c.yaml: not YAML or JSON/);
  const huge = `name: ${"x".repeat(1 << 20)}`;
  assert.match(failure(["--config-file=c.yaml"], { file: huge }), /larger than/);
});

test("the default cluster follows name, peer URLs and the machine's own address", () => {
  assert.equal(config(["--name=a"]).initialCluster, "a=http://localhost:2380");
  const anywhere = ["--name=a", "--listen-peer-urls=http://0.0.0.0:7"];
  const moved = config(anywhere, { defaultHost: "192.0.2.2" });
  assert.deepEqual(moved.advertisePeerUrls, ["http://192.0.2.2:7"]);
  assert.equal(moved.initialCluster, "a=http://192.0.2.2:7");
  assert.deepEqual(config(anywhere).advertisePeerUrls, ["http://localhost:2380"]);
});

test("old names mean today's options", () => {
  const got = config(["--experimental-watch-progress-notify-interval=1s"]);
  assert.equal(got.watchProgressNotifyMs, 1000);
  const env = { ETCD_EXPERIMENTAL_WARNING_APPLY_DURATION: "2s" };
  assert.equal(config([], { env }).warningApplyMs, 2000);
  const file = "experimental-compaction-batch-limit: 7";
  assert.equal(config(["--config-file=c.yaml"], { file }).compactionBatchLimit, 7);
  const result = parse(["--experimental-memory-mlock"]);
  assert.ok(result.kind === "run");
  assert.ok(result.warnings.some((note) => note.message.includes("use --memory-mlock")));
  for (const [name, old] of oldNames) assert.ok(name !== old.option);
});

test("corruption checks are on unless they are switched off", () => {
  const gatesOf = (argv: readonly string[]): unknown[] => {
    const { corruptCheckMs, compactHashCheckMs, featureGates } = config(argv);
    const on = (name: string): boolean | undefined => featureGates.get(name);
    return [corruptCheckMs, compactHashCheckMs, on("InitialCorruptCheck"), on("CompactHashCheck")];
  };
  assert.deepEqual(gatesOf([]), [4 * 3600_000, 60_000, true, true]);
  const off = "--feature-gates=InitialCorruptCheck=false,CompactHashCheck=false";
  assert.deepEqual(gatesOf(["--corrupt-check-time=0s", off]), [0, 60_000, false, false]);
  const old = [
    "--experimental-initial-corrupt-check=false",
    "--experimental-corrupt-check-time=7s",
  ];
  assert.deepEqual(gatesOf(old), [7000, 60_000, false, true]);
});
