// etcdctl: the entry point. bin/etcdctl runs it. Compiled code is kept in the user's own cache folder
// (never in a shared one: what is there is executed), which halves the time to the first answer.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const cache = cacheFolder();
if (cache !== undefined) enableCompileCache(join(cache, "etcd-ts", "compiled"));
// grpc-js would write lines of its own between ours; every failure is reported by the command.
process.env["GRPC_VERBOSITY"] ??= "NONE";
// So would Node, of grpc-js: it names an IP address as TLS server.
process.noDeprecation = true;

const { runEtcdctl } = await import("#ctl/command-line.ts");
const { processTerminal } = await import("#ctl/process-terminal.ts");

const terminal = processTerminal();
const code = await runEtcdctl(process.argv.slice(2), terminal);
await terminal.drain();
process.exit(code);

/** Undefined for a user without a home, as in many containers. */
function cacheFolder(): string | undefined {
  const named = process.env["XDG_CACHE_HOME"];
  if (named !== undefined && named !== "") return named;
  try {
    return join(homedir(), ".cache");
  } catch {
    return undefined;
  }
}
