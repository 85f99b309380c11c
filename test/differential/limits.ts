// The limits that both members are started with: small ones, so that a test can reach them.

/** The most bytes of a request. */
export const maxRequestBytes = 65_536;
/** The most operations of a transaction. */
export const maxTxnOps = 16;
