// etcd's errors: one table of gRPC code and exact message. Clients match on both, so a message here
// is part of the wire (facts: apply rules §9). docs/errors.md is made from this table.

/** gRPC status codes that etcd answers with. */
export const grpcCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

const g = grpcCode;

/** Every error that etcd itself raises: name → [code, message without the `etcdserver: ` prefix]. */
export const errorTable = {
  emptyKey: [g.invalidArgument, "key is not provided"],
  keyNotFound: [g.invalidArgument, "key not found"],
  valueProvided: [g.invalidArgument, "value is provided"],
  leaseProvided: [g.invalidArgument, "lease is provided"],
  tooManyOps: [g.invalidArgument, "too many operations in txn request"],
  duplicateKey: [g.invalidArgument, "duplicate key given in txn request"],
  invalidSortOption: [g.invalidArgument, "invalid sort option"],
  invalidClientApiVersion: [g.invalidArgument, "invalid client api version"],
  compacted: [g.outOfRange, "mvcc: required revision has been compacted"],
  futureRevision: [g.outOfRange, "mvcc: required revision is a future revision"],
  noSpace: [g.resourceExhausted, "mvcc: database space exceeded"],
  leaseNotFound: [g.notFound, "requested lease not found"],
  leaseExists: [g.failedPrecondition, "lease already exists"],
  leaseTtlTooLarge: [g.outOfRange, "too large lease TTL"],
  watchCanceled: [g.canceled, "watch canceled"],
  memberExists: [g.failedPrecondition, "member ID already exist"],
  peerUrlExists: [g.failedPrecondition, "Peer URLs already exists"],
  memberNotEnoughStarted: [g.unknown, "re-configuration failed due to not enough started members"],
  memberBadUrls: [g.invalidArgument, "given member URLs are invalid"],
  memberNotFound: [g.notFound, "member not found"],
  memberNotLearner: [g.failedPrecondition, "can only promote a learner member"],
  learnerNotReady: [
    g.failedPrecondition,
    "can only promote a learner member which is in sync with leader",
  ],
  tooManyLearners: [g.failedPrecondition, "too many learner members in cluster"],
  clusterIdMismatch: [g.failedPrecondition, "cluster ID mismatch"],
  requestTooLarge: [g.invalidArgument, "request is too large"],
  tooManyRequests: [g.unknown, "too many requests"],
  rootUserNotExist: [g.failedPrecondition, "root user does not exist"],
  rootRoleNotGranted: [g.failedPrecondition, "root user does not have root role"],
  userAlreadyExists: [g.failedPrecondition, "user name already exists"],
  userNotFound: [g.failedPrecondition, "user name not found"],
  roleAlreadyExists: [g.failedPrecondition, "role name already exists"],
  roleNotFound: [g.failedPrecondition, "role name not found"],
  roleNotGranted: [g.failedPrecondition, "role is not granted to the user"],
  permissionNotGranted: [g.failedPrecondition, "permission is not granted to the role"],
  authNotEnabled: [g.failedPrecondition, "authentication is not enabled"],
  userEmpty: [g.invalidArgument, "user name is empty"],
  roleEmpty: [g.invalidArgument, "role name is empty"],
  authFailed: [g.invalidArgument, "authentication failed, invalid user ID or password"],
  permissionNotGiven: [g.invalidArgument, "permission not given"],
  invalidAuthManagement: [g.invalidArgument, "invalid auth management"],
  authOldRevision: [g.invalidArgument, "revision of auth store is old"],
  permissionDenied: [g.permissionDenied, "permission denied"],
  invalidAuthToken: [g.unauthenticated, "invalid auth token"],
  noLeader: [g.unavailable, "no leader"],
  notLeader: [g.failedPrecondition, "not leader"],
  leaderChanged: [g.unavailable, "leader changed"],
  notCapable: [g.failedPrecondition, "not capable"],
  stopped: [g.unavailable, "server stopped"],
  timeout: [g.unavailable, "request timed out"],
  timeoutLeaderFail: [g.unavailable, "request timed out, possibly due to previous leader failure"],
  timeoutConnectionLost: [g.unavailable, "request timed out, possibly due to connection lost"],
  timeoutWaitAppliedIndex: [
    g.unavailable,
    "request timed out, waiting for the applied index took too long",
  ],
  unhealthy: [g.unavailable, "unhealthy cluster"],
  corrupt: [g.dataLoss, "corrupt cluster"],
  notSupportedForLearner: [g.failedPrecondition, "rpc not supported for learner"],
  badLeaderTransferee: [g.failedPrecondition, "bad leader transferee"],
  wrongDowngradeVersionFormat: [g.invalidArgument, "wrong downgrade target version format"],
  invalidDowngradeVersion: [g.invalidArgument, "invalid downgrade target version"],
  clusterVersionNotFound: [g.failedPrecondition, "cluster version not found during downgrade"],
  downgradeInProgress: [g.failedPrecondition, "cluster has a downgrade job in progress"],
  noInflightDowngrade: [g.failedPrecondition, "no inflight downgrade job"],
  requestCanceled: [g.canceled, "request canceled"],
} as const satisfies Record<string, readonly [GrpcCode, string]>;

export type EtcdErrorName = keyof typeof errorTable;

/** An error of the protocol: a gRPC code and the exact text that goes to the client. */
export class EtcdError extends Error {
  /** The row of errorTable, or undefined for a text outside it. */
  readonly errorName: EtcdErrorName | undefined;
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string, errorName?: EtcdErrorName) {
    super(message);
    this.code = code;
    this.errorName = errorName;
  }
}

/** The error of that row, with its `etcdserver: ` prefix. Each throw gets its own stack. */
export function etcdError(name: EtcdErrorName): EtcdError {
  const [code, message] = errorTable[name];
  return new EtcdError(code, `etcdserver: ${message}`, name);
}

/** True if `thrown` is the error of that row. */
export function isEtcdError(thrown: unknown, name: EtcdErrorName): thrown is EtcdError {
  return thrown instanceof EtcdError && thrown.errorName === name;
}
