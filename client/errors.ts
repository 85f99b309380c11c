// What a call can end with. Everything that fails on the wire becomes an EtcdError: a row of etcd's
// own table where code and text are one of its rows, else the bare gRPC status.
import {
  EtcdError,
  type EtcdErrorName,
  errorTable,
  type GrpcCode,
  grpcCode,
} from "#proto/errors.ts";

const prefix = "etcdserver: ";
const namesByText = new Map<string, EtcdErrorName>(
  Object.entries(errorTable).map(([name, row]) => [`${prefix}${row[1]}`, name as EtcdErrorName]),
);
const codeNames = new Map<number, string>(
  Object.entries(grpcCode).map(([name, code]) => [
    code,
    name === "ok" ? "OK" : `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
  ]),
);

/** The error of a gRPC status that is not OK. */
export function errorOfStatus(code: number, details: string): EtcdError {
  return new EtcdError(code as GrpcCode, details, namesByText.get(details));
}

/** A deadline of the caller's own that passed before an answer came. */
export function deadlineExceeded(): EtcdError {
  return new EtcdError(grpcCode.deadlineExceeded, "context deadline exceeded");
}

/** The caller's own signal ended the call. */
export function callCanceled(): EtcdError {
  return new EtcdError(grpcCode.canceled, "context canceled");
}

/**
 * The text that Go's etcd client shows for an error: etcd's own errors and local ends by their
 * message, any other status with its code.
 */
export function errorLine(thrown: unknown): string {
  if (!(thrown instanceof EtcdError)) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  if (thrown.errorName !== undefined) return thrown.message;
  if (thrown.code === grpcCode.deadlineExceeded) return "context deadline exceeded";
  if (thrown.code === grpcCode.canceled) return "context canceled";
  return `rpc error: code = ${codeNames.get(thrown.code) ?? thrown.code} desc = ${thrown.message}`;
}
