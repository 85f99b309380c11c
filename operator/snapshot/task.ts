// What a Job on Kubernetes is to do with a snapshot, as it is told in its environment, and what it says at its
// end. Pure. The operator writes the task, the program `etcd-snapshot` of the store's image carries it out.

/** The variable that the task is in, as JSON. */
export const taskVariable = "ETCD_SNAPSHOT_TASK";
/** The variable with the password of who logs in, which is not in the task for anybody to read. */
export const passwordVariable = "ETCD_SNAPSHOT_PASSWORD";

/** A bucket, or what speaks its protocol. Credentials are in the environment, as the AWS tools read them. */
export interface Bucket {
  readonly bucket: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly forcePathStyle: boolean;
}

/** One snapshot: a file on a volume that is mounted, or an object of a bucket. */
export type TaskPlace =
  | { readonly kind: "file"; readonly path: string }
  | ({ readonly kind: "s3"; readonly key: string } & Bucket);

export type SnapshotTask =
  | {
      readonly kind: "take";
      /** Client URLs of members that serve, the first one is asked first. */
      readonly from: string;
      readonly timeoutMs: number;
      readonly to: TaskPlace;
      /** As status names it. */
      readonly location: string;
      /** Files of certificates, where the members speak TLS. */
      readonly tls?: {
        readonly ca: string;
        readonly cert: string;
        readonly key: string;
        /** Expected of the member's certificate. */
        readonly serverName: string;
      };
      /** Logs in, where a certificate does not say who asks. */
      readonly user?: string;
    }
  | { readonly kind: "delete"; readonly at: TaskPlace }
  | {
      readonly kind: "restore";
      /** A snapshot, or a folder or prefix of which the newest one is meant. */
      readonly from: TaskPlace;
      readonly dataFolder: string;
      readonly name: string;
      readonly peerUrl: string;
      readonly initialCluster: string;
      readonly token: string;
    };

/** What `take` says at its end, as JSON. */
export interface TaskResult {
  readonly location: string;
  readonly clusterId: string;
  readonly revision: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Kubernetes keeps that much of what a container says at its end. */
export const maxMessageBytes = 4096;

/** The result in a Job's last words; undefined if they are none. */
export function parseResult(text: string): TaskResult | undefined {
  try {
    const { location, clusterId, revision, sizeBytes, sha256 } = JSON.parse(text) as TaskResult;
    const isWhole =
      [location, clusterId, sha256].every((one) => typeof one === "string") &&
      [revision, sizeBytes].every((one) => Number.isSafeInteger(one));
    return isWhole ? { location, clusterId, revision, sizeBytes, sha256 } : undefined;
  } catch {
    return undefined;
  }
}
