// A real DNS server for members: dnsmasq on an address of 127.0.0.0/8, and a mount namespace in which
// /etc/resolv.conf names it. Neither member nor reference knows of it: they ask the machine's resolver.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { MemberProcess, type ProcessCommand } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";

/** One SRV record: `_service._tcp.domain`, and where it points to. */
export interface SrvRecord {
  readonly service: string;
  readonly host: string;
  readonly port: number;
}

/** Why there can be no such server here, in one line; undefined if there can. */
function obstacle(): string | undefined {
  try {
    execFileSync("dnsmasq", ["--version"], { stdio: "ignore" });
  } catch {
    return "dnsmasq is not installed (Debian package dnsmasq-base)";
  }
  if (process.getuid?.() !== 0) return "unshare --mount needs root";
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
  } catch {
    return "unshare --mount is not possible here (util-linux, CAP_SYS_ADMIN)";
  }
  return undefined;
}

/** False after the test was marked as skipped with one line that names what is missing. */
export function canServeDns(test: Pick<TestContext, "skip">): boolean {
  const reason = obstacle();
  if (reason === undefined) return true;
  test.skip(reason);
  return false;
}

/** See the head of the file. Records of hosts may change while it runs, SRV records do not. */
export class DnsServer {
  readonly domain: string;
  private readonly folder: string;
  private readonly hostsFile: string;
  private readonly port: number;
  private readonly process: MemberProcess;

  private constructor(domain: string, port: number, records: readonly SrvRecord[]) {
    this.domain = domain;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "etcd-ts-dns-"));
    this.hostsFile = join(this.folder, "hosts");
    // A reserved port makes the address this server's own among tests that run beside each other.
    const address = `127.53.${port >> 8}.${port & 0xff}`;
    writeFileSync(join(this.folder, "resolv.conf"), `nameserver ${address}\n`);
    writeFileSync(this.hostsFile, "");
    this.process = new MemberProcess("dnsmasq", {
      file: "dnsmasq",
      args: [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--log-facility=-",
        `--pid-file=${join(this.folder, "pid")}`,
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        `--addn-hosts=${this.hostsFile}`,
        `--local=/${domain}/`,
        `--listen-address=${address}`,
        "--bind-interfaces",
        "--port=53",
        ...records.map((one) => `--srv-host=${one.service}._tcp.${domain},${one.host},${one.port}`),
      ],
    });
  }

  /** Starts a server of these records; hosts are added by `setHosts`. */
  static async start(domain: string, records: readonly SrvRecord[]): Promise<DnsServer> {
    const [port] = await reservePorts(1);
    const server = new DnsServer(domain, port!, records);
    await server.process.waitForLine(/started, version/);
    return server;
  }

  /** Replaces the addresses of hosts. */
  async setHosts(hosts: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(hosts).map(([host, address]) => `${address} ${host}\n`);
    writeFileSync(this.hostsFile, lines.join(""));
    const from = this.process.lineCount();
    this.process.signal("SIGHUP");
    await this.process.waitForLine(/read .*hosts/, from);
  }

  /** The command, asking this server. */
  wrap(command: ProcessCommand): ProcessCommand {
    const resolvConf = join(this.folder, "resolv.conf");
    const script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    const args = ["--mount", "sh", "-c", script, "sh", resolvConf, command.file, ...command.args];
    return { ...command, file: "unshare", args };
  }

  async stop(): Promise<void> {
    this.process.signal("SIGTERM");
    await this.process.exited;
    releasePorts([this.port]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
