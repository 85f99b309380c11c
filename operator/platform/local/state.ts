// What a local cluster remembers between starts, in cluster.json beside its data: what the plan has
// latched, and which processes run. Written whole or not at all, before every act.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { MemberRecord, PlanState, Template } from "#operator/plan/types.ts";
import { slotUrls, volumeMark } from "#operator/platform/local/layout.ts";

const formatVersion = 2;

/** A process that was started, so that a later operator can go on with it. */
export interface LocalProcess {
  readonly pid: number;
  readonly template: string;
  readonly forced: boolean;
}

export interface LocalState {
  readonly version: typeof formatVersion;
  /** The operator that has this cluster, while it runs. */
  readonly operator?: number;
  readonly plan?: PlanState;
  /** By member. */
  readonly processes: Readonly<Record<string, LocalProcess>>;
}

/** As 0.1.0 and 0.2.0 before the plan wrote it. */
interface FirstFormat {
  readonly version: 1;
  readonly initialCluster: string;
  readonly formed: boolean;
}

export const localUid = "local";

export const stateFile = (folder: string): string => join(folder, "cluster.json");

/** Reads the state; empty at the first start. Throws if it is that of another cluster. */
export function openState(folder: string, cluster: EtcdCluster, template: Template): LocalState {
  // Everything of the cluster lies below it, its keys too.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = stateFile(folder);
  if (!existsSync(file)) return { version: formatVersion, processes: {} };
  let state: LocalState;
  try {
    const read = JSON.parse(readFileSync(file, "utf8")) as LocalState | FirstFormat;
    if (read.version === 1) state = fromFirst(folder, read, cluster, template);
    else if (read.version === formatVersion && typeof read.processes === "object") state = read;
    else {
      const { version } = read as { readonly version: unknown };
      throw new Error(`its version is ${version}, known is ${formatVersion}`);
    }
  } catch (cause) {
    if (cause instanceof OperatingError) throw cause;
    throw new OperatingError("BAD_STATE", `${file} cannot be used: ${errorText(cause)}`, { cause });
  }
  const own = new Set(slotUrls(cluster.spec.local).map((slot) => slot.peerUrl));
  const moved = state.plan?.members.find((one) => !own.has(one.peerUrl));
  if (moved !== undefined) {
    throw new OperatingError(
      "CLUSTER_CHANGED",
      `${folder} holds ${moved.name} at ${moved.peerUrl}, where the manifest puts nobody: undo the change of spec.local, or name another spec.local.dataFolder`,
    );
  }
  return state;
}

/** Members of the first format are voters of a formed cluster, or initial ones of one that forms. */
function fromFirst(
  folder: string,
  read: FirstFormat,
  cluster: EtcdCluster,
  template: Template,
): LocalState {
  const slots = slotUrls(cluster.spec.local);
  const members = read.initialCluster.split(",").map((part, at): MemberRecord => {
    const [name = "", peerUrl = ""] = part.split("=");
    const slot = slots.find((one) => one.peerUrl === peerUrl);
    const mark = volumeMark(folder, name);
    const data = join(folder, name);
    const started = read.formed;
    if (existsSync(data) && readdirSync(data).length > 0) writeFileSync(mark, `${name}\n`);
    return {
      name,
      serial: at + 1,
      peerUrl,
      clientUrl: slot?.clientUrl ?? "",
      phase: "initial",
      template: template.id,
      started,
    };
  });
  const plan: PlanState = {
    format: 1,
    uid: localUid,
    token: `local/${cluster.metadata.name}`,
    initialCluster: read.initialCluster,
    serial: members.length,
    members,
    templates: { [template.id]: template },
    asleep: false,
    lossGeneration: 0,
    lost: false,
  };
  return { version: formatVersion, plan, processes: {} };
}

/** Replaces the state, whole or not at all. */
export function writeState(folder: string, state: LocalState): void {
  const file = stateFile(folder);
  const next = `${file}.next`;
  writeFileSync(next, `${JSON.stringify(state, undefined, 2)}\n`, { flush: true, mode: 0o600 });
  renameSync(next, file);
}
