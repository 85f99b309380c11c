// A Debian that runs systemd beside this machine: a tree of tree.sh under a layer of its own, booted by
// boot.sh. It has no network but its loopback device, so the ports of a package's settings are free.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a command wrote to stdout; an error with all that it wrote if it failed. */
export function run(file: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${file} ${args.join(" ")}\n${stdout}${stderr}`));
    });
  });
}

const here = fileURLToPath(new URL(".", import.meta.url));

/** See the head of the file. */
export class Machine implements AsyncDisposable {
  private readonly folder: string;
  private pid: string | undefined;
  private off: () => Promise<void> = async () => {};

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes one and boots it. */
  static async create(): Promise<Machine> {
    const base = (await run(join(here, "tree.sh"))).trim();
    const machine = new Machine(mkdtempSync(join(tmpdir(), "packages-")));
    for (const name of ["upper", "work", "root"]) mkdirSync(join(machine.folder, name));
    const [upper, work] = ["upper", "work"].map((name) => join(machine.folder, name));
    const layers = `lowerdir=${base},upperdir=${upper},workdir=${work}`;
    await run("mount", "-t", "overlay", "overlay", "-o", layers, machine.path());
    // There is no console to log in at.
    symlinkSync("/dev/null", machine.path("/etc/systemd/system/console-getty.service"));
    // As an installer writes it.
    writeFileSync(machine.path("/etc/hosts"), "127.0.0.1 localhost\n");
    await machine.boot();
    return machine;
  }

  /** Where a path of the machine lies on this one. */
  path(inside = ""): string {
    return join(this.folder, "root", inside);
  }

  has(path: string): boolean {
    return statSync(this.path(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** Copies a file to the machine, and returns its path there. */
  async take(file: string): Promise<string> {
    await run("cp", file, this.path("/opt"));
    return `/opt/${basename(file)}`;
  }

  /** Runs a command there. */
  run(...words: string[]): Promise<string> {
    return run("nsenter", "-t", this.pid!, "-a", "-r", ...words);
  }

  /** One property of a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run("systemctl", "show", "--value", "-p", name, unit)).trim();
  }

  /** Waits until a property of a unit is what is asked for. */
  async until(unit: string, name: string, isMet: (value: string) => boolean): Promise<void> {
    const latest = Date.now() + 120_000;
    for (;;) {
      const value = await this.property(unit, name);
      if (isMet(value)) return;
      if (Date.now() > latest) throw new Error(`${unit}: ${name} stays ${value}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Pulls the plug, and boots again. */
  async reboot(): Promise<void> {
    await this.off();
    await this.boot();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.off();
    await run("umount", "-R", "-l", this.path());
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async boot(): Promise<void> {
    const booted = spawn(join(here, "boot.sh"), [this.path()], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const ended = once(booted, "exit");
    this.off = async () => {
      booted.stdin.end();
      await ended;
    };
    let told = "";
    booted.stderr.on("data", (chunk: Buffer) => (told += chunk.toString()));
    const first = once(booted.stdout, "data");
    await Promise.race([first, ended]);
    if (booted.exitCode !== null) throw new Error(`boot.sh: ${told}`);
    this.pid = String((await first)[0]).trim();
  }
}
