// Command lines that the reference etcdctl and ours must answer alike, and that the reference server and
// ours must answer alike. They run in order, each side against a fresh server of its own on the same
// ports, so that revisions and IDs agree.

export interface Case {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For commands that do not end: stop when stdout has so many lines, and compare them. */
  readonly stopAfterLines?: number;
  /** Lease IDs, hashes, sizes or times differ by nature: what to make equal. */
  readonly loose?: "lease" | "status" | "hash" | "defrag" | "member";
  /** Compare only the first line of stderr: what follows is help, and ours is in our own words. */
  readonly firstErrorLine?: boolean;
  /** Why the two differ, and stay so (docs/compatibility.md); then they must not agree. */
  readonly differs?: string;
  /** The same of our server, asked by the reference etcdctl. */
  readonly serverDiffers?: string;
  /** Do not add --endpoints. */
  readonly bare?: boolean;
}

const words = (text: string): string[] => text.split(" ");
const c = (text: string, more: Omit<Case, "args"> = {}): Case => ({ args: words(text), ...more });
const args = (list: readonly string[], more: Omit<Case, "args"> = {}): Case => ({
  args: list,
  ...more,
});
const all = ["simple", "fields", "json", "protobuf", "table"];
/** The same command in every format. */
const each = (text: string, more: Omit<Case, "args"> = {}): Case[] =>
  all.map((format) => c(`${text} -w ${format}`, more));
const unreachable = "--endpoints 127.0.0.1:1 --command-timeout 300ms";

const keys: Case[] = [
  c("put a 1"),
  c("put a 2 --prev-kv"),
  ...each("put a 3 --prev-kv"),
  c("put b", { stdin: "from stdin\nsecond line\n" }),
  c("put c", { stdin: "" }),
  args(["put", "dash", "--", "-5"]),
  args(["put", "--", "dash", "-6"]),
  c("put dash -5", { firstErrorLine: true }),
  args(["put", "spaces and ünïcode", 'quote " back \\ tab\t <&> \u2028']),
  args(["put", "empty", ""]),
  args(["put", "", "x"]),
  c("put"),
  c("put a 1 --ignore-value"),
  c("put a --ignore-value --prev-kv"),
  c("put absent --ignore-value"),
  c("put a 9 --ignore-lease"),
  c("put a 9 --lease 123"),
  c("put a 9 --lease xyz"),
  c("put a 9 --lease=fffffffffffffffff"),
  c("put a b c d"),
  c("put a 4 --prev-kv=true"),
  c("put a 4 --prev-kv=maybe", { firstErrorLine: true }),
  ...each("get a"),
  c("get b"),
  c("get absent"),
  c("get absent -w json"),
  c("get"),
  c("get a b c"),
  ...each("get --prefix ."),
  args(["get", "", "--prefix"]),
  args(["get", "", "--prefix", "-w", "fields"]),
  args(["get", "", "--prefix", "-w", "json"]),
  args(["get", "", "--from-key", "--keys-only"]),
  args(["get", ""]),
  c("get a z"),
  c("get a z --limit 2"),
  c("get a z --limit 2 -w json"),
  c("get a z --limit 1 -w fields"),
  c("get a z --order DESCEND"),
  c("get a z --order descend --sort-by VERSION"),
  c("get a z --sort-by MODIFY"),
  c("get a z --sort-by value --order ascend"),
  c("get a z --order SIDEWAYS"),
  c("get a z --sort-by COLOR"),
  c("get a z --keys-only"),
  c("get a z --keys-only -w json"),
  c("get a z --count-only"),
  c("get a z --count-only -w fields"),
  c("get a z --count-only -w json"),
  c("get a z --count-only --keys-only"),
  c("get a --print-value-only"),
  c("get a --print-value-only -w json"),
  c("get a --prefix --from-key"),
  c("get a b --prefix"),
  c("get a --rev 2"),
  c("get a --rev 0x3"),
  c("get a --rev 1000"),
  c("get a --rev 9223372036854775807"),
  c("get a --rev 9223372036854775808", { firstErrorLine: true }),
  c("get a --rev -1"),
  c("get a --limit x", { firstErrorLine: true }),
  c("get a --limit", { firstErrorLine: true }),
  c("get a z --min-create-rev 4 --max-create-rev 11"),
  c("get a z --min-mod-rev 9"),
  c("get a z --min-mod-rev 9 --max-mod-rev 4"),
  c("get a z --min-create-rev 9 --max-create-rev 4"),
  c("get a --consistency s"),
  c("get a --consistency q"),
  c("get a z --stream"),
  c("get a z --stream -w json"),
  c("get a --hex"),
  c("get a --hex -w fields"),
  args(["get", "spaces and ünïcode", "--hex"]),
  c("get a -w yaml"),
  c("get a -wjson"),
  c("get a -w=json"),
  c("get a -w", { firstErrorLine: true }),
  c("get a -x", { firstErrorLine: true }),
  c("get a --nope", { firstErrorLine: true }),
  c("get a ---x", { firstErrorLine: true }),
  c("get a --dial-timeout soon", { firstErrorLine: true }),
  c("get a --dial-timeout 5", { firstErrorLine: true }),
  ...each("del dash --prev-kv"),
  c("del absent"),
  c("del"),
  c("del a b c"),
  c("del a --prefix --from-key"),
  c("del a b --prefix"),
  c("del x z --range"),
  c("del s t --range --prev-kv -w json"),
  args(["del", "", "--prefix", "--prev-kv", "-w", "fields"]),
];

const txns: Case[] = [
  c("put t1 v1"),
  ...all.map((format) =>
    c(`txn -w ${format}`, {
      stdin:
        'val("t1") = "v1"\nmod("t1") > "0"\n\nget t1\nput t2 "two words" --prev-kv\ndel t9\n\nput t3 never\n\n',
    }),
  ),
  c("txn", { stdin: 'ver("t1") = "7"\n\nget t1\n\nget t2\nput t1 v2\n\n' }),
  c("txn -w json", {
    stdin: 'ver("t1") = "7"\n\n\nget t --prefix --limit 1\ndel t1 --prev-kv\n\n',
  }),
  c("txn -i", { stdin: 'create("t2") < "1000"\n\nget t2\n\n\n' }),
  c("txn", {
    stdin: 'c("t2") != "0"\nversion("t2") > "0"\nvalue("t2") < "z"\nm("t2") > "1"\n\n\n\n',
  }),
  c("txn", { stdin: "\n\n\n" }),
  c("txn", { stdin: "" }),
  c("txn", { stdin: 'val("t1") = "v1"' }),
  c("txn", { stdin: "nonsense\n\n\n\n" }),
  c("txn", { stdin: 'val("t1") = v1\n\n\n\n' }),
  c("txn", { stdin: 'val(t1) = "v1"\n\n\n\n' }),
  c("txn", { stdin: 'color("t1") = "v1"\n\n\n\n' }),
  c("txn", { stdin: 'ver("t1") = "many"\n\n\n\n' }),
  c("txn", { stdin: "\nget\n\n\n" }),
  c("txn", { stdin: "\nfly t1\n\n\n", firstErrorLine: true }),
  c("txn", { stdin: "\nget t1 --nope\n\n\n", firstErrorLine: true }),
  c("txn", {
    stdin: 'lease("t1") = "0"\n\n\n\n',
    differs: "the reference panics at a comparison of leases",
  }),
  c("txn", {
    stdin: 'ver("t1") >= "0"\n\n\n\n',
    differs: "the reference panics at an unknown operator",
  }),
  c("txn", { stdin: "\nput t5 1\nput t5 2\n\n\n" }),
  c("txn", { stdin: '\nput t6 \'single "quoted"\'\nput "t\\x37" "esc\\n"\n\n\n' }),
  c("txn extra", { stdin: "\n\n\n" }),
  args(["get", "t", "--prefix", "-w", "fields"]),
];

const leases: Case[] = [
  c("lease grant 100", { loose: "lease" }),
  ...each("lease grant 100", { loose: "lease" }),
  c("lease grant", {}),
  c("lease grant ten"),
  c("lease grant 9223372036854775807"),
  c("lease grant 99999999999999999999"),
  c("put leased 1 --lease $LEASE", { loose: "lease" }),
  ...each("get leased", { loose: "lease" }).slice(0, 3),
  c("get leased -w fields --hex", { loose: "lease" }),
  ...each("lease timetolive $LEASE --keys", { loose: "lease" }),
  c("lease timetolive $LEASE", { loose: "lease" }),
  c("lease timetolive $LEASE -w fields --hex", { loose: "lease" }),
  c("lease timetolive 123"),
  c("lease timetolive 123 -w json"),
  c("lease timetolive"),
  c("lease timetolive zz"),
  ...each("lease keep-alive --once $LEASE", { loose: "lease" }),
  c("lease keep-alive --once 123"),
  c("lease keep-alive 123"),
  c("lease keep-alive 123 -w json"),
  c("lease keep-alive"),
  c("lease keep-alive $LEASE", { loose: "lease", stopAfterLines: 1 }),
  c("lease list -w json", { loose: "lease" }),
  c("lease list -w fields", { loose: "lease" }),
  c("lease list", { loose: "lease" }),
  c("lease revoke $LEASE", { loose: "lease" }),
  c("get leased"),
  c("lease revoke $LEASE", { loose: "lease" }),
  c("lease revoke 123"),
  c("lease revoke"),
  c("lease revoke zz"),
  c("lease nonsense", { firstErrorLine: true }),
];

const watches: Case[] = [
  c("watch a --rev 2", { stopAfterLines: 6 }),
  c("watch a --rev 2 --prev-kv", { stopAfterLines: 8 }),
  c("watch a --rev 2 -w json", { stopAfterLines: 1 }),
  c("watch a --rev 2 -w fields", { stopAfterLines: 12 }),
  c("watch a --rev 2 -w table"),
  args(["watch", "", "--prefix", "--rev", "2"], { stopAfterLines: 30 }),
  c("watch a z --rev 2", { stopAfterLines: 9 }),
  c("watch a z --prefix"),
  c("watch"),
  c("watch a --"),
  args(
    [
      "watch",
      "a",
      "--rev",
      "2",
      "--",
      "sh",
      "-c",
      "echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE",
    ],
    { stopAfterLines: 8 },
  ),
  args(["watch", "a", "--rev", "2", "--", "sh", "-c", "exit 3"]),
  args(["watch", "a", "--rev", "2", "--", "no-such-command-anywhere", "x"]),
  c("watch --rev 2", { env: { ETCDCTL_WATCH_KEY: "a" }, stopAfterLines: 6 }),
  c("watch --rev 2", {
    env: { ETCDCTL_WATCH_KEY: "a", ETCDCTL_WATCH_RANGE_END: "z" },
    stopAfterLines: 6,
  }),
  c("watch a", { env: { ETCDCTL_WATCH_KEY: "a" } }),
  c("watch", { env: { ETCDCTL_WATCH_RANGE_END: "a" } }),
  c("watch -i", { stdin: "" }),
  c("watch -i", { stdin: "\nfly a\nwatch\n" }),
  c("watch --rev x", { firstErrorLine: true }),
  c("compaction 5"),
  c("watch a --rev 2"),
  c("watch a --rev 2 -w json"),
  c("get a --rev 2"),
];

const cluster: Case[] = [
  c("compaction"),
  c("compaction x"),
  c("compaction 5"),
  c("compaction 100000"),
  c("compaction 6 --physical"),
  ...each("member list"),
  c("member list -w json --hex"),
  c("member list -w fields --hex"),
  c("member list --consistency s"),
  c("member list --consistency x", {
    differs: "the reference names get's flag instead of its own",
  }),
  c("member remove"),
  c("member remove 123"),
  c("member remove xyz"),
  c("member promote 123"),
  c("member promote"),
  c("member update 123"),
  c("member update 123 --peer-urls http://127.0.0.1:1"),
  c("member add"),
  c("member add n"),
  c("member add n http://x:1"),
  c("member add n --peer-urls ftp://x"),
  c("member add n --peer-urls http://x"),
  c("member add n --peer-urls http://x:1/path"),
  c("member add n --peer-urls 10.0.0.1:2380"),
  c("member add n --peer-urls localhost:2380"),
  ...each("endpoint health", { loose: "status" }),
  ...each("endpoint status", { loose: "status" }),
  ...each("endpoint hashkv", { loose: "hash" }),
  c("endpoint hashkv --rev 100000"),
  c("endpoint hashkv --rev 1"),
  c("endpoint status --cluster", { loose: "status" }),
  c("endpoint health --cluster", { loose: "status" }),
  c("endpoint hashkv --cluster", { loose: "hash" }),
  c("alarm list"),
  ...each("alarm list"),
  c("alarm disarm"),
  c("alarm disarm -w json"),
  c("alarm list x"),
  c("defrag", { loose: "defrag" }),
  c("move-leader"),
  c("move-leader xyz"),
  c("move-leader 123"),
  c("downgrade validate"),
  c("downgrade validate 3.6 3.5"),
  c("downgrade validate x"),
  c("downgrade validate 3"),
  c("downgrade validate v3.6"),
  c("downgrade validate 3.6.x"),
  c("downgrade validate 3.6-rc.1"),
  c("downgrade validate 3.6.0-rc.1"),
  c("downgrade validate 3.6.0-rc_1"),
  c("downgrade validate 3.6.0+build.5"),
  c("downgrade validate 03.06"),
  c("downgrade validate 3.5"),
  c("downgrade validate 3.7"),
  c("downgrade validate 4.6"),
  c("downgrade validate 3.6.9"),
  ...each("downgrade validate 3.6"),
  c("downgrade validate 3.6 -w json --hex"),
  c("downgrade enable"),
  c("downgrade enable 3.6 3.5"),
  c("downgrade enable 3.5"),
  ...each("downgrade cancel"),
  c("downgrade cancel x"),
  c("snapshot save"),
  c("snapshot save /nonexistent/folder/file"),
];

// What is stopped here leaves a lock behind; its lease must not end before the last case.
const coordination: Case[] = [
  c("lock"),
  ...all.flatMap((format) =>
    format === "protobuf"
      ? []
      : [
          c(`lock lock-${format} --ttl 600 -w ${format}`, {
            loose: "lease",
            ...(format === "table"
              ? {}
              : { stopAfterLines: format === "fields" ? 12 : format === "json" ? 1 : 2 }),
          }),
        ],
  ),
  c("lock lock-x --ttl ten", { firstErrorLine: true }),
  c("lock lock-x --ttl 0 -- true", { loose: "lease" }),
  c("lock lock-x --ttl -5 -- true", { loose: "lease" }),
  c("lock lock-x --ttl 99999999999 -- true", { loose: "lease" }),
  c("lock lock-x true -x", { firstErrorLine: true }),
  args(["lock", "lock-x", "--", "sh", "-c", "echo $ETCD_LOCK_KEY $ETCD_LOCK_REV; echo e >&2"], {
    loose: "lease",
  }),
  args(["lock", "lock-x", "sh", "--", "-c", "exit 7"]),
  args(["lock", "lock-x", "--", "sh", "-c", "kill -TERM $$"]),
  args(["lock", "lock-x", "--", "cat"], { stdin: "a program has no input" }),
  c("lock lock-x no-such-command-anywhere"),
  c("get --prefix lock-x"),
  args(["lock", "", "true"]),
  c("elect"),
  c("elect a"),
  c("elect a b c"),
  c("elect a b --listen"),
  ...["simple", "json"].flatMap((format) => [
    c(`elect elect-${format} one -w ${format}`, {
      loose: "lease",
      stopAfterLines: format === "json" ? 1 : 2,
    }),
    c(`elect elect-${format} -l -w ${format}`, {
      loose: "lease",
      stopAfterLines: format === "json" ? 1 : 2,
    }),
  ]),
];

/** Adding a second member that never comes leaves the cluster without quorum: the last thing to do. */
const last = c("member add two --peer-urls http://127.0.0.1:2", { loose: "member" });

const surroundings: Case[] = [
  c("version", { bare: true }),
  c("ver", { bare: true }),
  c("", { bare: true, firstErrorLine: true }),
  c("fly", { bare: true }),
  c("gte", { bare: true }),
  c("gett a", { bare: true }),
  c("--nope", { bare: true, firstErrorLine: true }),
  c(`get a ${unreachable}`, { bare: true }),
  c(`put a b ${unreachable}`, { bare: true }),
  c(`del a ${unreachable}`, { bare: true }),
  c(`member list ${unreachable}`, { bare: true }),
  c(`endpoint status ${unreachable}`, { bare: true }),
  c(`endpoint status ${unreachable} -w json`, { bare: true }),
  c(`endpoint status ${unreachable} -w table`, { bare: true }),
  c(`endpoint health ${unreachable}`, { bare: true, loose: "status" }),
  c(`endpoint health ${unreachable} -w json`, { bare: true, loose: "status" }),
  c(`endpoint hashkv ${unreachable}`, { bare: true }),
  c(`endpoint status ${unreachable} --cluster`, { bare: true }),
  c(`defrag ${unreachable}`, { bare: true, loose: "defrag" }),
  c("get a", { env: { ETCDCTL_ENDPOINTS: "http://127.0.0.1:2" } }),
  c("get a", { env: { ETCDCTL_ENDPOINTS: "$ENDPOINT" }, bare: true }),
  c("get a", { env: { ETCDCTL_ENDPOINTS: "$ENDPOINT", ETCDCTL_WRITE_OUT: "fields" }, bare: true }),
  c("get a", { env: { ETCDCTL_NONSENSE: "1" } }),
  c("get a", {
    env: { ETCDCTL_DIAL_TIMEOUT: "soon" },
    differs: "the reference ignores a variable that it cannot read",
  }),
  c("get a", {
    env: { ETCDCTL_API: "3" },
    differs: "the reference warns about the variable of its own older versions",
  }),
  c("get a -w json", { env: { ETCDCTL_WRITE_OUT: "json" } }),
  c("version", { env: { ETCDCTL_ENDPOINTS: "x" } }),
  c("get a --cert x", {}),
  args(["get", "a", "--cert", ""]),
  c("get a --cacert /nonexistent"),
  c("--write-out json get a"),
  c("-w json --hex get a"),
  args(["--endpoints", "", "get", "a"], { bare: true }),
];

export const cases: readonly Case[] = [
  ...keys,
  ...txns,
  ...leases,
  ...watches,
  ...surroundings,
  ...cluster,
  ...coordination,
  last,
];

/** With a quota of 128 KiB: the first write is more than that by itself, and raises NOSPACE. */
export const alarmCases: readonly Case[] = [
  args(["put", "big", "x".repeat(130_900)]),
  c("put small x"),
  c("alarm list"),
  ...each("alarm list"),
  c("alarm list -w fields --hex"),
  ...each("endpoint health", { loose: "status" }),
  c("endpoint status -w fields", { loose: "status" }),
  c("endpoint status -w json", { loose: "status" }),
  c("get big -w fields"),
  c("del big"),
  c("alarm disarm"),
  c("alarm disarm -w fields"),
  c("alarm list -w json"),
  c("put small x"),
];
