// Tells by the first bytes of a connection who serves it: TLS from plain text, HTTP/2 from HTTP/1.1.
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";

/** The first byte of a client that begins a handshake (RFC 8446 §5.1). */
export const handshakeRecord = 0x16;

/** How long somebody who says nothing is waited for. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
}

/**
 * Reads until `decide` knows from the first bytes who serves; puts them back and hands over. A connection that
 * ends or is silent before is destroyed.
 */
export function onFirstBytes(
  stream: Duplex,
  { clock, ms }: Patience,
  decide: (bytes: Buffer) => (() => void) | undefined,
): void {
  const patience = clock.after(ms, () => {
    stream.destroy();
  });
  // Held here and not put back at once: bytes put back are readable again, in an endless loop.
  let held: Buffer | undefined;
  const onReadable = (): void => {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) return;
    const bytes: Buffer = held === undefined ? chunk : Buffer.concat([held, chunk]);
    const serve = decide(bytes);
    if (serve === undefined) {
      held = bytes;
      return;
    }
    patience.cancel();
    stream.off("readable", onReadable);
    stream.off("end", onEnd);
    stream.off("close", onClose);
    stream.unshift(bytes);
    serve();
  };
  const onEnd = (): void => void stream.destroy();
  const onClose = (): void => patience.cancel();
  stream.on("readable", onReadable);
  stream.once("end", onEnd);
  stream.once("close", onClose);
}
