// Parts that several kinds share: where backups are, conditions, references.
import {
  bool,
  choice,
  integer,
  list,
  object,
  oneOf,
  required,
  text,
  time,
  withDefault,
} from "#operator/api/schema.ts";

export const group = "etcd-ts.dev";
export const version = "v1alpha1";
export const apiVersion = `${group}/${version}`;

/** A DNS label, as most names of objects are. */
export const labelPattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const namePattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

/** The name of another object of the same namespace. */
export const nameOf = (description: string) => text(description, { pattern: namePattern, min: 1 });

export const secretRef = (description: string) =>
  object(description, { name: required(nameOf("Name of the Secret, in the same namespace.")) });

const relativePath = (description: string) =>
  text(description, { max: 1024, pattern: "^[^/].*$|^$" });

const s3 = object("An S3 bucket, or what speaks its protocol.", {
  bucket: required(text("The bucket.", { min: 3, max: 63 })),
  prefix: withDefault(relativePath("Put before every key, without a slash at its beginning."), ""),
  endpoint: text("URL of the service; that of AWS if left out.", {
    max: 1024,
    pattern: "^https?://",
  }),
  region: text("The region.", { max: 64 }),
  forcePathStyle: withDefault(
    bool("Whether the bucket stands in the path, not in the host."),
    false,
  ),
  credentials: required(secretRef("Secret with accessKeyId and secretAccessKey.")),
  ca: secretRef("Secret with ca.crt for the endpoint's certificate."),
});

const claim = object("A volume claim of the same namespace.", {
  claimName: required(nameOf("Name of the PersistentVolumeClaim.")),
  path: withDefault(relativePath("Folder or file on the volume, relative."), ""),
});

/** Where a snapshot is put. */
export const backupTarget = oneOf("Where the snapshot goes.", { volume: claim, s3 });

/** Where a snapshot comes from. */
export const restoreSource = oneOf("Where the first data comes from: one snapshot.", {
  backup: object("An EtcdBackup of the same namespace that is complete.", {
    name: required(nameOf("Its name.")),
  }),
  volume: claim,
  s3,
});

/** metav1.Condition. */
export const conditions = list(
  "What is so, since when, and what to do about it.",
  object("One condition.", {
    type: required(text("Its name.", { max: 64 })),
    status: required(choice("Whether it is so.", ["True", "False", "Unknown"])),
    reason: required(text("Why, in one word.", { max: 128 })),
    message: required(text("Why, and what to do.", { max: 4096 })),
    lastTransitionTime: required(time("When status last changed.")),
    observedGeneration: integer("The generation that was judged.", { from: 0, to: 2 ** 53 - 1 }),
  }),
  { max: 16, key: "type" },
);
