// lock: takes a lock by name, runs a command under it or holds it until interrupted.
import { LockError, Mutex } from "#client/mutex.ts";
import { Session } from "#client/session.ts";
import type { Command } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { firstAborted } from "#ctl/first-aborted.ts";
import { logLine } from "#ctl/log-line.ts";
import { runProgram } from "#ctl/run-program.ts";
import type { Terminal } from "#ctl/terminal.ts";

const defaultTtlSeconds = 60;

/** A time of 0 or less means the default one of sessions, and a warning. */
function ttlOf(given: number, terminal: Terminal): number {
  if (given > 0) return given;
  logLine(terminal, "warn", "WithTTL(): TTL should be > 0, preserving current TTL", {
    "current-session-ttl": defaultTtlSeconds,
  });
  return defaultTtlSeconds;
}

export const command: Command = {
  usage: "[flags] NAME [-- COMMAND ARGS…]",
  description: `Waits until the lock NAME is free and takes it. With a COMMAND it runs it, gives the lock back, and ends
with the command's exit code; ETCD_LOCK_KEY and ETCD_LOCK_REV tell the command which key stands for the
lock and since which revision. Without one it prints that key and holds the lock until interrupted.

The lock is a key under a lease. If etcdctl is killed, the lock is free again after --ttl seconds. It can
be lost while the command still runs, when the cluster cannot be reached for so long: let the command
compare ETCD_LOCK_KEY in its transactions if it must never run twice at once.`,
  examples: [
    "etcdctl lock backup -- /usr/local/bin/backup --all",
    "etcdctl lock --ttl 30 maintenance",
    `etcdctl lock counter -- sh -c 'echo "$ETCD_LOCK_KEY"'`,
  ],
  flags: [
    {
      name: "ttl",
      kind: "int",
      initial: 10,
      usage: "seconds after which the lock of a dead holder is free again",
    },
  ],
  async run({ args, flags, terminal, connect }) {
    const [name, ...words] = args;
    if (name === undefined) {
      throw badArguments("lock takes a lock name argument and an optional command to execute");
    }
    const { client, print } = await connect();
    const signal = terminal.interrupted();
    const ttlSeconds = ttlOf(flags.number("ttl"), terminal);
    const session = await Session.open(client, { ttlSeconds });
    const mutex = new Mutex(session, name);
    await mutex.lock({ signal });
    if (words.length > 0) {
      const env = {
        ETCD_LOCK_KEY: mutex.key,
        ETCD_LOCK_REV: String(mutex.revision),
        ...terminal.env,
      };
      const { code, failure } = await runProgram(terminal, words, env);
      const released = await mutex.unlock().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (failure !== undefined) throw new Exit(code ?? exitCode.error, failure);
      if (released !== undefined) throw released;
      return;
    }
    const response = await client.kv.range(mutex.key, {}, { signal });
    if (response.kvs.length === 0) throw new Exit(exitCode.error, "lock lost on init");
    print.get(response);
    const ended = await firstAborted(signal, session.ended);
    if (ended !== signal) throw new Exit(exitCode.error, "session expired");
    await mutex.unlock().catch((thrown: unknown) => {
      if (!(thrown instanceof LockError)) throw thrown;
    });
  },
};
