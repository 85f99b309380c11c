// Where one cluster runs, as those cases see it that are the same on Kubernetes and on processes of one machine:
// a manifest is applied, members and volumes are taken away, the operator is killed, and the prober says what
// clients had of it.
import type { CaseContext } from "./case.ts";
import type { ProbeReport } from "./probe-report.ts";

/** What the operator says of the cluster. */
export interface SiteStatus {
  readonly clusterId: string | undefined;
  /** Names of the members, in the order in which they were made. */
  readonly names: readonly string[];
  readonly conditions: readonly SiteCondition[];
}

export interface SiteCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A value that is looked at again and again: true once it is as wanted, else what it is. */
export type Look = () => Promise<true | string | (() => Promise<string>)>;

/** One cluster, named db. */
export interface Site {
  /** What a case does besides where it runs on Kubernetes. */
  readonly kubernetes: CaseContext | undefined;
  /** Makes the cluster. */
  create(spec: object): Promise<void>;
  /** Changes fields of its spec, as a merge patch does. */
  change(spec: object): Promise<void>;
  scale(replicas: number): Promise<void>;
  /** Waits until as many members as wanted serve and nothing is under way. */
  settled(replicas: number): Promise<SiteStatus>;
  /** Waits until so many are as the manifest now says, and settled. */
  updated(replicas: number): Promise<SiteStatus>;
  status(): Promise<SiteStatus>;
  /** Waits for what can be seen. */
  until(what: string, look: Look): Promise<void>;
  /** Which members there are records of. */
  memberNames(): Promise<readonly string[]>;
  /** What runs of each member: another value once it was started anew. */
  running(): Promise<Readonly<Record<string, string>>>;
  /** The arguments of a member that runs. */
  argumentsOf(member: string): Promise<readonly string[]>;
  /** Names of all volumes of the cluster; another one has another name. */
  volumeNames(): Promise<readonly string[]>;
  /** Ends a member at once, and waits until it was started anew. */
  killMember(member: string): Promise<void>;
  /** Takes members and all that they have stored away. */
  loseVolumes(...members: readonly string[]): Promise<void>;
  /** Does something to the data folder of a member that is stopped meanwhile. */
  whileStopped(member: string, work: (folder: string) => Promise<void>): Promise<void>;
  /** Ends the operator as a failing machine would; another one comes. */
  killOperator(): Promise<void>;
  /** Runs a shell script with etcdctl on its path, asking this cluster. */
  shell(script: string): Promise<string>;
  /** What etcdctl says, without white space around it. */
  etcdctl(...args: readonly string[]): Promise<string>;
  startProbe(): Promise<void>;
  /**
   * Every acknowledged write is there, all members have the same keys, and the cluster its ID; in planned work no
   * write failed.
   */
  requireSound(plannedWork: boolean): Promise<ProbeReport>;
  /** All members have the same keys. */
  requireEqual(): Promise<void>;
}
