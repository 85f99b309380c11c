// Shell sessions of the v2 API, one a command of etcdctl 3.4 and some of curl. They run in order on one
// server, so that indexes agree. A line that begins with `curl` is one, with $URL for the server's;
// every other line is etcdctl's.

export interface V2Step {
  readonly line: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For what does not end: stop it when stdout has so many lines. */
  readonly stopAfterLines?: number;
  /** Do not add --endpoints. */
  readonly bare?: boolean;
  /** Lists in any order; help in our own words, of which only the first line counts. */
  readonly loose?: "order" | "help";
  /** Why our etcdctl differs (docs/compatibility.md); then it must. */
  readonly differs?: string;
  /** The same of our server. */
  readonly serverDiffers?: string;
}

type More = Omit<V2Step, "line">;

/** Words apart by blanks; what is in single quotes is one. */
function s(text: string, more: More = {}): V2Step {
  const words = [...text.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) =>
    word.replaceAll("'", ""),
  );
  return { line: words, ...more };
}

const formats = ["simple", "extended", "json"];
const each = (text: string, more: More = {}): V2Step[] =>
  formats.map((format) => s(`-o ${format} ${text}`, more));
const nobody = "--endpoints http://127.0.0.1:1";

export const v2Sessions: Readonly<Record<string, readonly V2Step[]>> = {
  set: [
    ...each("set /a 1"),
    s("set a 2 --ttl 1000"),
    s("set --ttl=1000 a 2"),
    s("set a 3 --swap-with-value 2"),
    s("set a 4 --swap-with-value 2"),
    s("-o json set a 4 --swap-with-value 2"),
    s("set a 4 --swap-with-index 1"),
    s("set a 4 --swap-with-value 1 --swap-with-index 2"),
    s("set a", { stdin: "from stdin\nsecond line\n" }),
    s("set a", { stdin: "" }),
    s("set"),
    s('set a \'{"json": "with <quotes>"}\''),
    s("set 'k <&> ü' 'v <&> \u2028 ü'"),
    s("-o json set 'k <&> ü' 'v <&> \u2028 ü'"),
    s("set -- dash -1"),
    s("set a 1 2 3"),
    s("set a/below 1"),
    s("set / 1"),
    s("set //d//e/../f 1"),
    s("set a 1 --ttl x", { loose: "help" }),
    s("set a 1 --ttl 99999999999999999999", { loose: "help" }),
    s("set a 1 --nope"),
    s("set a 1 --swap-with-index -1"),
    s("-o yaml set a 1"),
  ],
  mk: [
    ...each("mk /new1 1"),
    s("mk /new 1 --ttl 500"),
    s("mk /new 1"),
    s("mk --in-order /queue job"),
    ...each("mk --ttl 500 --in-order /queue job"),
    s("mk /new", { stdin: "" }),
    s("mk /new2", { stdin: "x" }),
    s("mk"),
  ],
  mkdir: [
    s("mkdir /dir"),
    s("mkdir /dir"),
    s("mkdir /dir2 --ttl 500"),
    s("-o json mkdir /dir3"),
    s("-o extended mkdir /dir4"),
    s("mkdir"),
    s("mkdir /new/below"),
  ],
  setdir: [
    s("setdir /sdir"),
    s("setdir /sdir"),
    s("set /skey 1"),
    s("-o json setdir /skey"),
    s("-o extended setdir /sdir5 --ttl 700"),
  ],
  update: [
    s("update /new 2"),
    ...each("update /new 3 --ttl 500"),
    s("update /no 1"),
    s("update /dir 1"),
    s("update"),
    s("update /new", { stdin: "y" }),
  ],
  updatedir: [
    s("updatedir /dir --ttl 900"),
    ...each("updatedir /dir"),
    s("updatedir /no"),
    s("updatedir /new"),
  ],
  get: [
    ...each("get /new1"),
    ...each("get /dir2"),
    ...each("get /no"),
    s("get /new1 --quorum"),
    s("get -q --sort /new1"),
    s("get"),
    s("get /"),
    s("get /new1/below"),
    s("get /new1 extra"),
  ],
  ls: [
    s("ls", { loose: "order" }),
    s("ls / -p", { loose: "order" }),
    s("ls --sort"),
    s("ls --sort --recursive -p"),
    s("ls -r --sort -q /queue"),
    s("ls /queue --sort"),
    s("ls /new"),
    s("ls /no"),
    s("-o json ls /sdir"),
    s("-o extended ls /dir"),
    s("ls --recursive=maybe", { loose: "help" }),
  ],
  rm: [
    s("rm /new1"),
    s("set /r 1"),
    ...each("rm /r --with-value 2"),
    s("rm /r --with-index 1"),
    s("rm /r --with-value 1"),
    s("rm /no"),
    s("rm /dir"),
    s("-o json rm /dir --dir"),
    s("set /t/a/b 1"),
    s("rm /t --dir"),
    s("-o extended rm /t --recursive"),
    s("set /t/a/b 1"),
    s("rm -r /t"),
    s("rm"),
    s("rm /"),
    s("rm -r /"),
  ],
  rmdir: [
    s("rmdir /dir2"),
    s("rmdir /no"),
    s("set /u/a 1"),
    s("rmdir /u"),
    s("rmdir /u/a"),
    s("-o extended rmdir /u"),
    s("rmdir"),
  ],
  watch: [
    s("set /w/a 1"),
    s("set /w/a 2"),
    s("mkdir /w/dir"),
    s("rm /w/a"),
    s("set /w/_hidden 1"),
    s("set /w/b '<&>'"),
    // Answered from the history: nothing has to be waited for.
    ...each("watch /w/a --after-index 20"),
    s("watch --after-index 20 -r /w"),
    ...each("watch --recursive --forever --after-index 20 /w").map((step) => ({
      ...step,
      stopAfterLines: 6,
    })),
    s("watch --after-index 20 -f /w/a", { stopAfterLines: 3 }),
    s("watch"),
    s("watch /w -f=2", { loose: "help" }),
    s("exec-watch"),
    s("exec-watch /w/a"),
    s("exec-watch --after-index 20 --recursive /w/b -- sh -c 'echo $ETCD_WATCH_ACTION'", {
      stopAfterLines: 1,
    }),
  ],
  globals: [
    s("-h", { loose: "help" }),
    s("get -h", { loose: "help" }),
    s("help get", { loose: "help" }),
    s("nope"),
    s("help nope"),
    s("--nope get a", { loose: "help" }),
    s("--timeout 1 get a", { loose: "help" }),
    s("-o json --output json get a", { loose: "help" }),
    s("--timeout 10s --total-timeout 1m get a"),
    s("--no-sync get a"),
    s("--no-sync --debug get 'a b'"),
    s("--debug set 'a b/ü' 'c d=&'"),
    s("get a", { bare: true, env: { ETCDCTL_ENDPOINTS: "$URL", ETCDCTL_ENDPOINT: "x:y" } }),
    s("get a", { bare: true, env: { ETCDCTL_ENDPOINT: "$URL" } }),
    s("get a", { bare: true, env: { ETCDCTL_PEERS: "$URL" } }),
    s("--peers $URL get a", { bare: true }),
    s("-C $URL get a", { bare: true }),
    s("--endpoint $URL/ get a", { bare: true }),
    s("--endpoints 127.0.0.1:2379 get a", { bare: true }),
    s("--endpoints localhost:2379 get a", { bare: true }),
    s(`${nobody} get a`, { bare: true }),
    s(`--no-sync ${nobody} get a`, { bare: true }),
    s(`--no-sync ${nobody} mk a 1`, { bare: true }),
    s(`--no-sync ${nobody} rm a`, { bare: true }),
    s(`${nobody} cluster-health`, { bare: true }),
    s("--cert-file nowhere.pem get a"),
    s("--username nobody:x get a"),
  ],
  member: [
    s("member list"),
    s("member list x"),
    s("member", { loose: "help" }),
    s("member nope"),
    s("member remove"),
    s("member remove abc"),
    s("member update"),
    s("member add n2"),
    s("member add n2 127.0.0.1:1"),
    s("member add n2 ftp://127.0.0.1:1"),
    s("member add n2 http://127.0.0.1"),
    s("member add n2 http://127.0.0.1:1/path"),
    s("cluster-health"),
  ],
  curl: [
    s("curl $URL/v2/keys/testkey -XPUT -d value='testvalue'"),
    s("curl $URL/v2/keys/testkey"),
    s("curl $URL/v2/keys/testkey -XPUT -d value='x' -d ttl="),
    s("curl $URL/v2/keys/queue2 -XPOST -d value=Job1"),
    s("curl $URL/v2/keys/queue2?recursive=true&sorted=true"),
    s("curl $URL/v2/keys/dirc -XPUT -d dir=true"),
    s("curl $URL/v2/keys/dirc?dir=true -XDELETE"),
    s("curl $URL/v2/keys/queue2?recursive=true -XDELETE"),
    s("curl $URL/v2/keys/testkey?prevValue=no -XPUT -d value=1"),
    s("curl $URL/v2/keys/testkey?prevExist=false -XPUT -d value=1"),
    s("curl $URL/v2/keys/testkey -XPUT --data-urlencode value@-", { stdin: "a file & more\n" }),
    s("curl $URL/v2/keys/testkey -XDELETE"),
    s("curl $URL/v2/keys/testkey?wait=true&waitIndex=21"),
    s("curl $URL/v2/keys/testkey -XPATCH"),
    s("curl $URL/v2/nope"),
  ],
};
