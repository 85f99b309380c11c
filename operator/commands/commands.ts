// The commands that look at clusters and do single things to them: on Kubernetes, or with -f FILE a local one.
// Each prints plain lines and ends with a code that scripts can go by.
import { type Command, Option } from "commander";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import {
  KubernetesClusters,
  type KubernetesFlags,
} from "#operator/commands/kubernetes-clusters.ts";
import type { LocalClusterReader } from "#operator/commands/local-clusters.ts";
import {
  type BackupReport,
  backupTable,
  type ClusterReport,
  clusterTable,
  fullText,
  isAvailable,
  memberTable,
} from "#operator/commands/report.ts";

/** The cluster does not serve, where `status` was asked for one. */
const notAvailableCode = 3;

interface Flags extends KubernetesFlags {
  readonly file?: string;
}

interface BackupFlags extends Flags {
  readonly cluster?: string;
  readonly name?: string;
  readonly like?: string;
  readonly claim?: string;
  readonly path: string;
  readonly bucket?: string;
  readonly prefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: string;
  readonly pathStyle?: boolean;
  readonly wait: boolean;
}

export interface CommandPorts {
  readonly clock: Clock;
  /** The local cluster of a manifest. */
  openLocal(file: string): LocalClusterReader;
  say(lines: readonly string[]): void;
  /** The code that the process ends with. */
  exit(code: number): void;
}

/** Adds the commands to `program`. */
export function addCommands(program: Command, ports: CommandPorts): void {
  const self = program.name();
  const where = (command: Command): Command =>
    command
      .option("-n, --namespace <name>", "namespace; that of the context if left out")
      .option("--kubeconfig <file>", "instead of KUBECONFIG")
      .option("--context <name>", "instead of the current one")
      .option("-f, --file <file>", "the manifest of a cluster of this machine");

  where(
    program
      .command("status")
      .description("How clusters are: all of a namespace, or everything of one.")
      .argument("[cluster]", "name of an EtcdCluster"),
  )
    .option("-A, --all-namespaces", "of all namespaces")
    .addHelpText(
      "after",
      `
Ends with 0; of one cluster with ${notAvailableCode} if it does not serve; with 1 if it cannot be asked.

Examples:
  ${self} status -A
  ${self} status db -n shop
  ${self} status -f cluster.yaml`,
    )
    .action((name: string | undefined, flags: Flags) => status(name, flags, ports));

  where(
    program
      .command("members")
      .description("The members of one cluster: ID, role, version, size.")
      .argument("[cluster]", "name of an EtcdCluster; not needed with -f"),
  )
    .addHelpText(
      "after",
      `
Examples:
  ${self} members db -n shop
  ${self} members -f cluster.yaml`,
    )
    .action(async (name: string | undefined, flags: Flags) => {
      ports.say(memberTable(await reportOf(name, flags, ports)));
    });

  const backup = program.command("backup").description("Snapshots of clusters.");
  where(
    backup
      .command("now")
      .description("Take a snapshot now, and wait until it is checked and durable.")
      .argument("[cluster]", "name of an EtcdCluster; not needed with -f"),
  )
    .option("--name <name>", "of the EtcdBackup; <cluster>-<unix seconds> if left out")
    .option("--like <schedule>", "put it where this EtcdBackupSchedule puts its own")
    .option("--claim <name>", "put it on this volume claim; with -f a folder")
    .option("--path <path>", "folder on the volume", "")
    .option("--bucket <name>", "put it in this bucket")
    .option("--prefix <prefix>", "before the key in the bucket", "")
    .option("--endpoint <url>", "of the bucket's service; that of AWS if left out")
    .option("--region <region>", "of the bucket")
    .option("--credentials <secret>", "of the bucket: Secret with accessKeyId and secretAccessKey")
    .option("--path-style", "the bucket stands in the path of URLs")
    .addOption(new Option("--no-wait", "only ask for it"))
    .addHelpText(
      "after",
      `
Without --like, --claim and --bucket it goes where the cluster's only schedule puts its own.
Ends with 0 once it is complete, with 1 if it failed; what it says meanwhile is on standard error.

Examples:
  ${self} backup now db -n shop
  ${self} backup now db --claim backups --path before-upgrade
  ${self} backup now -f cluster.yaml --claim backups`,
    )
    .action((name: string | undefined, flags: BackupFlags) => backupNow(name, flags, ports));

  const leader = program.command("leader").description("Who leads a cluster.");
  where(
    leader
      .command("move")
      .description("Make another member the leader.")
      .argument("<names...>", "the EtcdCluster and the member; with -f the member"),
  )
    .addHelpText(
      "after",
      `
On Kubernetes etcdctl is run in the leader's pod, which needs the right to exec, and where authentication is on
the right to read the Secret of root's password.

Examples:
  ${self} leader move db db-2 -n shop
  ${self} leader move -f cluster.yaml example-2`,
    )
    .action((names: readonly string[], flags: Flags) => moveLeader(names, flags, ports));
}

async function status(name: string | undefined, flags: Flags, ports: CommandPorts): Promise<void> {
  if (name === undefined && flags.file === undefined) {
    const all = new KubernetesClusters(flags);
    const reports = await all.all(flags.allNamespaces ? undefined : all.namespace);
    const none = `there is no EtcdCluster in namespace ${all.namespace}; -A looks in all`;
    ports.say(reports.length === 0 ? [none] : clusterTable(reports));
    return;
  }
  const report = await reportOf(name, flags, ports);
  ports.say(fullText(report));
  if (!isAvailable(report)) ports.exit(notAvailableCode);
}

function required(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new OperatingError("BAD_FLAG", "name the cluster, or a manifest with -f");
}

async function reportOf(
  name: string | undefined,
  flags: Flags,
  ports: CommandPorts,
): Promise<ClusterReport> {
  if (flags.file === undefined) return await new KubernetesClusters(flags).one(required(name));
  return await withLocal(flags.file, ports, (local) => local.report());
}

async function withLocal<T>(
  file: string,
  ports: CommandPorts,
  use: (local: LocalClusterReader) => Promise<T>,
): Promise<T> {
  const local = ports.openLocal(file);
  try {
    return await use(local);
  } finally {
    local.close();
  }
}

/** The target that flags name; undefined: that of a schedule. */
function targetOf(flags: BackupFlags): EtcdBackupSpec["target"] | undefined {
  const { claim, path, bucket, prefix, endpoint, region, credentials, pathStyle } = flags;
  if (claim !== undefined && bucket !== undefined) {
    throw new OperatingError("BAD_FLAG", "--claim and --bucket are two places: name one");
  }
  if (claim !== undefined) return { volume: { claimName: claim, path } };
  if (bucket === undefined) return undefined;
  if (credentials === undefined) {
    throw new OperatingError("BAD_FLAG", "--bucket needs --credentials, the name of a Secret");
  }
  return {
    s3: {
      bucket,
      credentials: { name: credentials },
      prefix,
      forcePathStyle: pathStyle === true,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    },
  };
}

async function backupNow(
  cluster: string | undefined,
  flags: BackupFlags,
  ports: CommandPorts,
): Promise<void> {
  const { clock, say } = ports;
  const seconds = Math.floor(clock.wallMs() / 1000);
  const end = (report: BackupReport) => say(backupTable([report]));
  if (flags.file !== undefined) {
    await withLocal(flags.file, ports, async (local) => {
      const target = targetOf(flags) ?? local.targetOf(flags.like);
      if (target.volume === undefined) {
        throw new OperatingError("BAD_FLAG", "a local cluster has folders only: use --claim");
      }
      end(await local.backUp(flags.name ?? `${local.name}-${seconds}`, target));
    });
    return;
  }
  const kubernetes = new KubernetesClusters(flags);
  const clusterName = required(cluster);
  const target = targetOf(flags) ?? (await kubernetes.targetOf(clusterName, flags.like));
  const name = flags.name ?? `${clusterName}-${seconds}`;
  await kubernetes.makeBackup(name, clusterName, target);
  if (!flags.wait) {
    say([`etcdbackup ${name} is made`]);
    return;
  }
  const report = await kubernetes.backupEnd(name, clock, (message) => {
    process.stderr.write(`${message}\n`);
  });
  end(report);
  if (report.phase === "Complete") return;
  throw new OperatingError("BACKUP_FAILED", await kubernetes.backupFault(name));
}

async function moveLeader(
  names: readonly string[],
  flags: Flags,
  ports: CommandPorts,
): Promise<void> {
  const isLocal = flags.file !== undefined;
  const [first, second] = names;
  const [cluster, member] = isLocal ? [undefined, first] : [first, second];
  if (member === undefined || names.length !== (isLocal ? 1 : 2)) {
    throw new OperatingError("BAD_FLAG", "name the cluster and the member that is to lead");
  }
  const report = await reportOf(cluster, flags, ports);
  const heir = report.members.find((one) => one.name === member);
  const leader = report.members.find((one) => one.role === "leader");
  if (heir?.id === undefined) {
    const known = report.members.map((one) => one.name).join(", ");
    throw new OperatingError("NO_MEMBER", `there is no member ${member}: there are ${known}`);
  }
  if (leader === undefined) throw new OperatingError("NO_LEADER", "nobody leads now");
  if (leader.name === member) {
    ports.say([`${member} leads already`]);
    return;
  }
  const { id } = heir;
  if (flags.file === undefined) {
    await new KubernetesClusters(flags).moveLeader(cluster ?? "", leader.name, id);
  } else await withLocal(flags.file, ports, (local) => local.moveLeader(leader.name, id));
  ports.say([`${member} leads instead of ${leader.name}`]);
}
