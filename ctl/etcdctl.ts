// etcdctl: the entry point. bin/etcdctl runs it.
import { runEtcdctl } from "#ctl/command-line.ts";
import { processTerminal } from "#ctl/process-terminal.ts";

const terminal = processTerminal();
const code = await runEtcdctl(process.argv.slice(2), terminal);
await terminal.drain();
process.exit(code);
