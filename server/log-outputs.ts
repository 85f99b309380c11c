// Where log lines go: streams of the process, files that grow, files that are rotated as lumberjack
// does for etcd, and the journal of systemd. Every line is written at once.
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { LogRotation } from "#server/config/log-rotation.ts";

/** Takes whole lines of JSON with their line break. */
export interface LogOutput {
  write(line: string): void;
  flushSync(): void;
}

/** How a line is shown. */
export type LineForm = (json: string) => string;

/** A file or stream by its number. */
export class DescriptorOutput implements LogOutput {
  private readonly fd: number;
  private readonly form: LineForm;

  constructor(fd: number, form: LineForm) {
    this.fd = fd;
    this.form = form;
  }

  write(line: string): void {
    writeWhole(this.fd, this.form(line));
  }

  flushSync(): void {
    syncQuietly(this.fd);
  }
}

/** Pipes that are full are tried again: a log line must not be lost, nor the process ended by it. */
function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  for (let tries = 0; at < bytes.length && tries < 1000; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      tries++;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4));

function syncQuietly(fd: number): void {
  try {
    fsyncSync(fd);
  } catch {
    // Pipes and terminals cannot be synced.
  }
}

/** Opens a file to append to; throws if that cannot be done. */
export function fileOutput(path: string, form: LineForm): LogOutput {
  return new DescriptorOutput(openSync(path, "a", 0o644), form);
}

/**
 * Lines for the journal: to stderr, which systemd reads, behind the priority in the way of syslog.
 * The journal's own socket takes datagrams, which node cannot send.
 */
export function journalForm(form: LineForm): LineForm {
  return (json) => {
    const level = /^\{"level":"(\w+)"/.exec(json)?.[1] ?? "info";
    return `<${priorities[level] ?? 6}>${form(json)}`;
  };
}

const priorities: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
};

const dayMs = 24 * 3_600_000;
const backupTime = /^(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)\.(\d{3})$/;

/** A file that is put aside when a line would make it too large. */
export class RotatingOutput implements LogOutput {
  private readonly path: string;
  private readonly rotation: LogRotation;
  private readonly form: LineForm;
  private fd: number;
  private bytes: number;
  /** Deletions and compressions, one after the other. */
  private tidying: Promise<void> = Promise.resolve();

  constructor(path: string, rotation: LogRotation, form: LineForm) {
    this.path = path;
    this.rotation = rotation;
    this.form = form;
    this.fd = openSync(path, "a", 0o600);
    this.bytes = fstatSync(this.fd).size;
    this.tidy();
  }

  /** Resolves once what was put aside up to now is in order. */
  get settled(): Promise<void> {
    return this.tidying;
  }

  write(line: string): void {
    const text = this.form(line);
    const bytes = Buffer.byteLength(text);
    if (this.bytes > 0 && this.bytes + bytes > this.rotation.maxBytes) this.rotate();
    writeWhole(this.fd, text);
    this.bytes += bytes;
  }

  flushSync(): void {
    syncQuietly(this.fd);
  }

  private rotate(): void {
    try {
      renameSync(this.path, this.backupPath(new Date()));
      const fd = openSync(this.path, "a", 0o600);
      closeSync(this.fd);
      this.fd = fd;
      this.bytes = 0;
    } catch {
      // Better a file that is too large than lines that are lost; tried again with the next line.
      return;
    }
    this.tidy();
  }

  private backupPath(now: Date): string {
    const shift = this.rotation.localTime ? now.getTimezoneOffset() * 60_000 : 0;
    const time = new Date(now.getTime() - shift).toISOString().slice(0, -1).replaceAll(":", "-");
    const extension = extname(this.path);
    const stem = basename(this.path, extension);
    return join(dirname(this.path), `${stem}-${time}${extension}`);
  }

  private tidy(): void {
    this.tidying = this.tidying.then(() => this.tidyOnce()).catch(() => {});
  }

  private async tidyOnce(): Promise<void> {
    const { maxAgeDays, maxBackups, compress } = this.rotation;
    const backups = this.backups();
    // A time is one backup, compressed or not or, after a crash, both.
    const times = [...new Set(backups.map(({ time }) => time))];
    const kept = new Set(maxBackups > 0 ? times.slice(0, maxBackups) : times);
    const oldest = maxAgeDays > 0 ? Date.now() - maxAgeDays * dayMs : 0;
    for (const { path, time } of backups) {
      if (!kept.has(time) || time < oldest) rmSync(path, { force: true });
      else if (compress && !path.endsWith(".gz")) await compressed(path);
    }
  }

  /** Newest first. */
  private backups(): readonly { readonly path: string; readonly time: number }[] {
    const extension = extname(this.path);
    const stem = `${basename(this.path, extension)}-`;
    const folder = dirname(this.path);
    return readdirSync(folder)
      .flatMap((name) => {
        const plain = name.endsWith(".gz") ? name.slice(0, -3) : name;
        if (!plain.startsWith(stem) || !plain.endsWith(extension)) return [];
        const text = plain.slice(stem.length, plain.length - extension.length);
        const found = backupTime.exec(text);
        if (found === null) return [];
        const [year, month, day, hour, minute, second, ms] = found.slice(1).map(Number);
        const time = this.rotation.localTime
          ? new Date(year!, month! - 1, day, hour, minute, second, ms).getTime()
          : Date.UTC(year!, month! - 1, day, hour, minute, second, ms);
        return [{ path: join(folder, name), time }];
      })
      .sort((a, b) => b.time - a.time);
  }
}

async function compressed(path: string): Promise<void> {
  const target = createWriteStream(`${path}.gz`, { mode: 0o600 });
  await pipeline(createReadStream(path), createGzip(), target);
  rmSync(path, { force: true });
}
