// Errors of operation: what a user can meet and mend. Broken invariants are base/assert.ts, errors
// of the protocol are server/api/errors.ts.

/** A failure with a stable `code` that callers may switch on; `message` says what to do about it. */
export class OperatingError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
