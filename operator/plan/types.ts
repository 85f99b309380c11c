// The words of the plan: what is wanted, what is latched, what is seen, and the steps that lead from one
// to the other. Plain data, so that a state can be kept as JSON by whatever platform runs the plan.

/** What a member is run with besides who it is; opaque to the plan but for the version. */
export interface Template {
  /** Differs when anything in `content` differs. */
  readonly id: string;
  /** As 0.2.0; empty where there is only one version, as on one machine. */
  readonly version: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What of an EtcdCluster the plan goes by. */
export interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly replicas: number;
  readonly template: Template;
  readonly paused: boolean;
  readonly deleting: boolean;
  readonly deletionPolicy: "Retain" | "Delete";
  /** spec.recovery.confirm. */
  readonly confirm: string | undefined;
  /** Largest database; undefined where it is not known. */
  readonly quotaBytes: number | undefined;
  /** How long a member may take to come back from a restart with other settings; ten minutes if left out. */
  readonly restartPatienceMs?: number;
  /** Undefined: static. */
  readonly bootstrap?: Bootstrap;
  /** Members have no volumes: the data of a process that ends is gone. */
  readonly isEphemeral?: boolean;
  /** Size of each volume; undefined where volumes have none. */
  readonly volumeBytes?: number;
  /** Undefined: no TLS, or certificates that others make. */
  readonly certificates?: WantedCertificates;
  /** How members speak to each other; undefined: as they always did. */
  readonly peers?: WantedPeers;
  /** How members speak to clients; undefined: in plain text, and they never did otherwise. */
  readonly clients?: WantedClients;
}

/** How members speak to clients, and the way from one to the other. */
export interface WantedClients {
  /** Under it members serve both on one port; the other one while they change over among themselves too. */
  readonly bridge: Template;
  readonly peersBridge?: Template;
  /** What TLS is made of, which is kept until nobody needs it any more; undefined: it is not wanted. */
  readonly tls?: KeptTls;
  /** What members serve with the template of this ID. */
  readonly schemes: Readonly<Record<string, readonly PeerScheme[]>>;
  /** So long both are served after applications were told of the other scheme, where they could not know before. */
  readonly graceMs: number;
  /** Certificates are wanted from elsewhere, which is put off; `message`: until somebody does something about it. */
  readonly otherOrigin?: { readonly message?: string };
}

/** How members speak to each other, and the way from one to the other. */
export interface WantedPeers {
  readonly scheme: PeerScheme;
  /** Under it members serve both on one port; undefined: nothing is known of TLS. */
  readonly bridge?: Template;
  /** What TLS is made of, which is kept until nobody needs it any more; its content is opaque to the plan. */
  readonly tls?: KeptTls;
}

export type PeerScheme = "http" | "https";

export interface KeptTls {
  /** Differs when anything in `content` differs. */
  readonly id: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** How the first members find each other; used once. */
export type Bootstrap =
  | { readonly kind: "static" }
  /** A v2 discovery service by its base URL: the token is made of the object's UID and the attempt. */
  | { readonly kind: "discovery"; readonly url: string; readonly token?: string }
  /** The same with the v3 registry, in an etcd. A `token` that is given is there already: for one attempt. */
  | {
      readonly kind: "discovery-v3";
      readonly endpoints: readonly string[];
      readonly token?: string;
    }
  /** `isOutside`: the records are somebody else's, and must be there before anybody is started. */
  | { readonly kind: "dns"; readonly domain: string; readonly isOutside?: boolean }
  /** One seed begins with a snapshot, the others join it; `source` is opaque to the plan. */
  | { readonly kind: "restore"; readonly source: Readonly<Record<string, unknown>> };

/** Certificates that the operator makes itself, from a CA of its own for each cluster. */
export interface WantedCertificates {
  readonly validityMs: number;
  readonly renewBeforeMs: number;
  /** So long an old CA stays trusted, at least, after a new one was made. */
  readonly graceMs: number;
  /** Whoever changes this wants another CA. */
  readonly request?: string;
}

/**
 * initial: of the first members, the cluster is not formed yet. joining: a learner, or about to be one.
 * voter: has a vote. leaving: on its way out; only a surplus one may still stay.
 */
export type Phase = "initial" | "joining" | "voter" | "leaving";

/**
 * Why a member goes. lost: its volume is gone. corrupt: its data differs from the majority's. surplus: fewer
 * are wanted. stuck: a learner that makes no progress. gone: somebody took it out of the list.
 * survived: the cluster went on without it after a loss of quorum.
 */
export type LeaveReason = "lost" | "corrupt" | "surplus" | "stuck" | "gone" | "survived";

/** What is latched of one member. */
export interface MemberRecord {
  readonly name: string;
  readonly serial: number;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly phase: Phase;
  /** Template that its process is to run with. */
  readonly template: string;
  /** Its volume was there and a process was about to use it: from then on no volume means data lost. */
  readonly started: boolean;
  /** etcd's ID in hexadecimal, once it was in the list of members. */
  readonly memberId?: string;
  /** Of a joining one: when it is given up unless it makes progress, and how far it was. */
  readonly deadlineMs?: number;
  readonly progress?: number;
  /** Of a leaving one: why, and whether it is out of the list, so that nothing of it is needed. */
  readonly because?: LeaveReason;
  readonly isOut?: boolean;
}

/** A member that is being restarted with another template. */
export interface Restart {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly deadlineMs: number;
}

/** Going on with one survivor after the quorum was lost. */
export interface Recovery {
  readonly generation: number;
  readonly survivor: string;
  /** Everybody is stopped; the survivor runs alone, forced; it is restarted without being forced. */
  readonly phase: "fencing" | "forcing" | "settling";
}

/** Making room in full databases. */
export interface Space {
  readonly phase: "compact" | "compact-again" | "defragment" | "disarm" | "rest";
  readonly done: readonly string[];
  /** In `rest`: no second attempt before this. */
  readonly untilMs?: number;
}

/** Everything that is latched of a cluster; written before each act. */
export interface PlanState {
  readonly format: 1;
  readonly uid: string;
  readonly token: string;
  /** As --initial-cluster says it, frozen before the first process. */
  readonly initialCluster: string;
  /** With a discovery service: which token it is. */
  readonly attempt?: number;
  /** This attempt is given up: all is stopped, and deleted if nobody can have formed a cluster. */
  readonly abandoning?: true;
  /** etcd's ID in hexadecimal; from then on nothing is ever begun anew. */
  readonly clusterId?: string;
  /** The highest serial ever used. */
  readonly serial: number;
  readonly members: readonly MemberRecord[];
  readonly templates: Readonly<Record<string, Template>>;
  /** A template that the first member did not come back with. */
  readonly refusedTemplate?: string;
  readonly restart?: Restart;
  readonly asleep: boolean;
  readonly lossGeneration: number;
  /** Since when no quorum answers. */
  readonly noQuorumSinceMs?: number;
  /** The loss was declared, and has its generation. */
  readonly lost: boolean;
  readonly usedConfirm?: string;
  readonly recovery?: Recovery;
  readonly space?: Space;
  /** What TLS between members was made of last, while there is any. */
  readonly peerTls?: KeptTls;
  /** The same of TLS for clients. */
  readonly clientTls?: KeptTls;
  /** Members serve clients both though that is not wanted (any more): until all do, and then until this time. */
  readonly clientBridge?: { readonly untilMs?: number };
  readonly step?: { readonly kind: StepKind; readonly member?: string; readonly sinceMs: number };
}

export type ProcessState =
  | { readonly kind: "absent" }
  /** Runs or is being started by who keeps it running; `forced`: with --force-new-cluster. */
  | { readonly kind: "running"; readonly template: string; readonly forced: boolean }
  /** Ended and will not come back by itself. */
  | { readonly kind: "ended" }
  | { readonly kind: "stopping" };

/** What a member says of itself. */
export interface Answer {
  readonly memberId: string;
  readonly clusterId: string;
  /** Empty: it knows none. */
  readonly leaderId: string;
  readonly isLearner: boolean;
  readonly term: number;
  readonly index: number;
  readonly appliedIndex: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

export interface ObservedMember {
  readonly name: string;
  /** lost: there was one and it will not come back. */
  readonly volume: "absent" | "present" | "lost";
  readonly runs: ProcessState;
  readonly answer?: Answer;
  /** How far the restore into its volume is; undefined: none was begun, or it can be begun again. */
  readonly restored?:
    | { readonly kind: "running" | "done" }
    | { readonly kind: "failed"; readonly message: string };
  /**
   * Size that its volume was asked to have; `resizing`: it is not there yet, `offline`: it needs a restart,
   * `refused`: it cannot be had, for the reason given.
   */
  readonly volumeBytes?: number;
  readonly resize?: "resizing" | "offline" | "refused";
  readonly resizeRefusal?: string;
  /**
   * While members change over from one scheme to the other: whether its peer port answers in the scheme that is
   * wanted; else why it does not.
   */
  readonly peerPort?:
    | { readonly kind: "served" }
    | { readonly kind: "failed"; readonly message: string };
  /** What its process serves clients, where that is known. */
  readonly clientSchemes?: readonly PeerScheme[];
  /** Fingerprints of the certificate and the CAs that it says it has loaded; empty where its ports differ. */
  readonly loaded?: { readonly leaf: string; readonly bundle: string };
}

/** What a discovery service holds under the token of this attempt. */
export interface ObservedRegistry {
  /** Undefined: the token is not there yet. */
  readonly size?: number;
  readonly registered: number;
}

/** The certificates as they are published for the members to load. */
export interface ObservedTrust {
  /** The CAs that are trusted, the newest last. */
  readonly cas: readonly {
    readonly id: string;
    readonly sinceMs: number;
    readonly notAfterMs: number;
    readonly request?: string;
  }[];
  /** Fingerprint of the bundle of them, as members report it. */
  readonly bundle: string;
  /** By member. */
  readonly leaves: Readonly<
    Record<
      string,
      { readonly fingerprint: string; readonly caId: string; readonly notAfterMs: number }
    >
  >;
}

/** What is kept of a member besides the state, so that a state that got lost can be made again. */
export interface Mirror {
  readonly name: string;
  readonly serial: number;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly clusterUid: string;
  readonly token: string;
  readonly phase: Phase;
  /** As in its record; kept before its process is started. */
  readonly started: boolean;
  /** The highest serial ever used, so that no name is used again. */
  readonly highestSerial: number;
  readonly clusterId?: string;
  readonly memberId?: string;
}

export interface ListedMember {
  readonly memberId: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

/** The list of members as a quorum answered it, just now, and the alarms. */
export interface Membership {
  readonly clusterId: string;
  readonly members: readonly ListedMember[];
  readonly alarms: readonly {
    readonly memberId: string;
    readonly kind: "corrupt" | "nospace";
  }[];
}

/** What is. Read anew before every act. */
export interface Observed {
  readonly members: readonly ObservedMember[];
  /** Undefined if no quorum answers. */
  readonly membership?: Membership;
  /** Names of volumes or members of this cluster that no record speaks of. */
  readonly remnants: readonly string[];
  /** Only looked for while there is no state. */
  readonly mirrors?: readonly Mirror[];
  /** Only looked at while a cluster forms by a discovery service; undefined: it does not answer. */
  readonly registry?: ObservedRegistry;
  /** Why it does not. */
  readonly registryTrouble?: string;
  /** Only looked at while a cluster forms by an outside domain: host and port of each SRV record. */
  readonly records?: readonly string[];
  /** Undefined: none are wanted, or they cannot be read. */
  readonly trust?: ObservedTrust;
}

/** How a process finds the others at its first start. */
export interface JoinInfo {
  readonly state: "new" | "existing";
  /** Empty where `find` says how. */
  readonly initialCluster: string;
  readonly token: string;
  readonly find?: Find;
}

/** How first members find each other, where they are not told. */
export type Find =
  /** The whole URL, with the token. */
  | { readonly kind: "discovery"; readonly url: string }
  | {
      readonly kind: "discovery-v3";
      readonly endpoints: readonly string[];
      readonly token: string;
    }
  /** `size`: so many members the records must name, no more and no fewer. */
  | { readonly kind: "dns"; readonly domain: string; readonly size: number };

/** One act. Each can be done twice, and be cut off at any point. */
export type Step =
  /** Nothing but the state has changed: look again at once. */
  | { readonly kind: "note" }
  /** Nothing to do; look again when something changes, at the latest then. */
  | { readonly kind: "wait"; readonly untilMs?: number }
  | { readonly kind: "create-volume"; readonly member: string }
  | {
      readonly kind: "start";
      readonly member: string;
      readonly template: Template;
      readonly join: JoinInfo;
      readonly force: boolean;
    }
  /** Ends the process, gently; its volume stays. */
  | { readonly kind: "stop"; readonly member: string }
  | { readonly kind: "delete-volume"; readonly member: string }
  | { readonly kind: "add-learner"; readonly member: string; readonly peerUrl: string }
  | { readonly kind: "promote"; readonly member: string; readonly memberId: string }
  | { readonly kind: "move-leader"; readonly member: string; readonly toMemberId: string }
  | { readonly kind: "remove"; readonly member: string; readonly memberId: string }
  /** From then on the others know it by this URL. */
  | {
      readonly kind: "update-peer-url";
      readonly member: string;
      readonly memberId: string;
      readonly peerUrl: string;
    }
  | { readonly kind: "compact" }
  | { readonly kind: "defragment"; readonly member: string }
  | {
      readonly kind: "disarm";
      readonly memberId: string;
      readonly alarm: "corrupt" | "nospace";
    }
  /** Makes the token of a discovery service, for so many members. */
  | { readonly kind: "open-registry"; readonly find: Find; readonly size: number }
  /** Fills a new volume from a snapshot: into a folder beside, checked, renamed; may go on after the act. */
  | {
      readonly kind: "restore";
      readonly member: string;
      readonly join: JoinInfo;
      readonly source: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "grow-volume"; readonly member: string; readonly bytes: number }
  /** Makes a CA and publishes it among the trusted ones. */
  | { readonly kind: "add-ca"; readonly request?: string }
  /** Makes a certificate and key of this member, none that outlives the CA. */
  | { readonly kind: "issue"; readonly member: string; readonly ca: string }
  /** Only the newest CA is trusted from now on. */
  | { readonly kind: "drop-cas" }
  /** The cluster is deleted as far as its policy goes: let the object go. */
  | { readonly kind: "release" };

export type StepKind = Step["kind"];

/** Every kind of step: each has two failpoints, `latched:KIND` and `acted:KIND`. */
export const stepKinds = [
  "note",
  "wait",
  "create-volume",
  "start",
  "stop",
  "delete-volume",
  "add-learner",
  "promote",
  "move-leader",
  "remove",
  "update-peer-url",
  "compact",
  "defragment",
  "disarm",
  "open-registry",
  "restore",
  "grow-volume",
  "add-ca",
  "issue",
  "drop-cas",
  "release",
] as const satisfies readonly StepKind[];

/** Why the plan does what it does, or does nothing, for the conditions. */
export interface Reason {
  /** One word in camel case. */
  readonly word: string;
  readonly message: string;
  /** blocked: nothing will happen until someone does what the message says. */
  readonly kind: "progress" | "steady" | "waiting" | "blocked";
}

/** What to do now: write `state` if it differs, then act. */
export interface Decision {
  readonly state: PlanState | undefined;
  readonly step: Step;
  readonly reason: Reason;
}

/** URLs of a member with this serial; `taken` are the peer URLs that are in use. */
export type Addresses = (
  serial: number,
  taken: ReadonlySet<string>,
) => { readonly peerUrl: string; readonly clientUrl: string };

export interface PlanInput {
  readonly wanted: Wanted;
  readonly state: PlanState | undefined;
  readonly observed: Observed;
  readonly addresses: Addresses;
  readonly nowMs: number;
}
