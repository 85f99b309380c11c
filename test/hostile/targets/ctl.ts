// Our etcdctl, and the client under it, against a server that speaks gRPC as it likes: garbage, frames
// of wrong lengths, statuses that are none, streams without end, silence. Every command ends: within its
// time, or if it waits by design, once it is interrupted or the server refuses clearly; if badly, with
// a code and words for a person.
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { runEtcdctl } from "#ctl/command-line.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { pick } from "../generate.ts";
import { HostileGrpc } from "../hostile-service.ts";
import { assertClear, Finding, type Rounds, type Tally, type Target } from "../target.ts";

const commandTimeoutMs = 200;
/** Those that wait as long as nobody stops them. */
const waiting = /^(watch|lock|elect|lease keep-alive|make-mirror|snapshot)/;
/** When somebody presses Ctrl-C, and the server comes to its senses. */
const patienceMs = 300;
/** For several calls one after the other, each with its own time, on a machine under load. */
const endMs = 20_000;
/** More than this is never printed of a few answers. */
const outputLimit = 256 << 20;

/** All but `check`, which takes a minute by design. */
const commands: readonly string[] = [
  ...[
    "get a",
    "get --prefix a",
    "get a --stream",
    "get a --keys-only",
    "put a b",
    "put a b --prev-kv",
  ],
  ...["del a", "del --prefix a --prev-kv", "txn", "compaction 5", "compaction 5 --physical"],
  ...["watch a", "watch --prefix a --progress-notify", "watch a -- true", "lease grant 5"],
  ...["lease revoke 1", "lease timetolive 1 --keys", "lease list", "lease keep-alive 1"],
  ...["lease keep-alive --once 1", "lock n", "lock n -- true", "elect n v", "elect -l n"],
  ...["endpoint health", "endpoint health --cluster", "endpoint status", "endpoint hashkv"],
  ...["endpoint status --cluster", "member list", "member add m --peer-urls=http://h:1"],
  ...["member remove 1", "member update 1 --peer-urls=http://h:1", "member promote 1"],
  ...["alarm list", "alarm disarm", "defrag", "defrag --cluster", "move-leader 1"],
  ...["snapshot save FILE", "downgrade validate 3.6.0", "downgrade enable 3.6.0"],
  ...["downgrade cancel", "auth enable", "auth disable", "auth status", "user add u:p"],
  ...["user get u", "user get u --detail", "user list", "user delete u", "user grant-role u r"],
  ...["user revoke-role u r", "role add r", "role get r", "role list", "role delete r"],
  ...["role grant-permission r readwrite a", "role revoke-permission r a", "make-mirror URL"],
];
const formats = ["simple", "json", "fields", "table", "protobuf"];

class CtlRounds implements Rounds {
  private readonly service = new HostileGrpc();
  private readonly top = mkdtempSync(join(tmpdir(), "etcd-ts-fuzz-ctl-"));
  private url = "";

  async listen(): Promise<void> {
    this.url = await this.service.listen();
  }

  async play(random: Random, tally: Tally): Promise<void> {
    this.service.random = random;
    const command = pick(random, commands);
    const words = command
      .replace("FILE", join(this.top, "state.db"))
      .replace("URL", new URL(this.url).host)
      .split(" ");
    // Before the command: what follows a `--` is another's.
    words.unshift(`--endpoints=${this.url}`, `--write-out=${pick(random, formats)}`);
    // A server without guile: its answers hold nothing, and there is time to read them.
    const isRight = !waiting.test(command) && random.chance(0.3);
    const limit = isRight ? `${endMs}ms` : `${commandTimeoutMs}ms`;
    words.unshift(`--command-timeout=${limit}`, `--dial-timeout=${limit}`);
    this.service.right = () => (isRight ? new Uint8Array(0) : undefined);
    if (random.chance(0.1)) words.unshift("--user=u:p");
    const console = new Console(random);
    this.service.wrongLeft = isRight ? 0 : Number.POSITIVE_INFINITY;
    const timers: NodeJS.Timeout[] = [];
    if (waiting.test(command)) {
      const refuse = (): void => {
        this.service.wrongLeft = 0;
        this.service.reset();
      };
      timers.push(setTimeout(refuse, patienceMs));
    }
    try {
      const tooLong = new Promise<undefined>((resolve) => {
        timers.push(setTimeout(() => resolve(undefined), endMs));
      });
      const code = await Promise.race([runEtcdctl(words, console.terminal), tooLong]);
      if (code === undefined) throw new Finding(`${command} does not end within ${endMs} ms`);
      const shown = `${command}, code ${code}`;
      if (code !== 0 && console.errors === "" && !console.isInterrupted)
        throw new Finding(`${shown}: it does not say why`);
      assertClear(console.errors, shown);
      tally.add(code === 0 ? "served" : "refused");
      tally.add(`code ${code}`);
      if (console.isInterrupted) tally.add("interrupted");
    } catch (error) {
      if (error instanceof Finding) throw error;
      throw new Finding(`${command} throws ${errorText(error)}`, { cause: error });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      console.close();
      this.service.reset();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    rmSync(this.top, { recursive: true, force: true });
  }
}

/** Somebody who types little, and presses Ctrl-C where a command waits for that. */
class Console {
  readonly terminal: Terminal;
  errors = "";
  private printed = 0;
  private readonly interruption = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private lines = ['value("a") = "b"\n', "\n", "get a\n", "\n", "\n"];

  constructor(random: Random) {
    this.terminal = {
      isProcess: false,
      isWatched: random.chance(0.2),
      out: (data) => this.print(data),
      err: (data) => {
        this.print(data);
        if (this.errors.length < 1 << 20) this.errors += Buffer.from(data).toString();
      },
      readAll: async () => Buffer.from("value"),
      readLine: async () => this.lines.shift(),
      readSecret: async () => "p",
      interrupted: () => {
        this.timer ??= setTimeout(() => this.interruption.abort(), patienceMs);
        return this.interruption.signal;
      },
      env: {},
      clock: systemClock,
      random,
    };
  }

  get isInterrupted(): boolean {
    return this.interruption.signal.aborted;
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private print(data: string | Uint8Array): void {
    this.printed += data.length;
    if (this.printed > outputLimit) throw new Finding(`${this.printed} bytes are printed`);
  }
}

export const ctlTarget: Target = {
  name: "ctl",
  about: "etcdctl and the client library against a hostile server",
  rounds: 6,
  open: async () => {
    const rounds = new CtlRounds();
    await rounds.listen();
    return rounds;
  },
};
