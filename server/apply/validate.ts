// STUB of the public surface; the implementation follows within minutes.
import type { EtcdError } from "#proto/errors.ts";
import type { DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from "#proto/gen/kv.ts";

/** undefined if the request may be proposed or read. */
export declare function checkRange(request: RangeRequest): EtcdError | undefined;
export declare function checkPut(request: PutRequest): EtcdError | undefined;
export declare function checkDeleteRange(request: DeleteRangeRequest): EtcdError | undefined;
export declare function checkTxn(request: TxnRequest, maxTxnOps: number): EtcdError | undefined;
/** True if every operation of both branches is a range. */
export declare function isReadOnly(request: TxnRequest): boolean;
