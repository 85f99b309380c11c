// The header blocks of one connection, decoded. A block that equals the last one, while no table has
// changed, is recognized and not decoded again: clients send the same handful of indexes each time.
import { Buffer } from "node:buffer";
import { ConnectionFault, errorCode } from "./frame.ts";
import { CompressionFault, HeaderDecoder } from "./header-decoder.ts";
import { RequestHeaders, TrailerCheck } from "./request-headers.ts";

/** Larger header blocks are not kept to be recognized. */
const keptBlockBytes = 1024;

export class RequestDecoder {
  private readonly decoder: HeaderDecoder;
  /** The last block that changed no table, and what it said. */
  private lastBlock: Buffer | undefined;
  private lastHeaders: RequestHeaders | undefined;
  private lastVersion = -1;

  constructor(maxHeaderBytes: number) {
    this.decoder = new HeaderDecoder(maxHeaderBytes);
  }

  /** The fields of a request; may be an object handed out before. Throws ConnectionFault. */
  request(bytes: Buffer, start: number, end: number): RequestHeaders {
    const { decoder, lastBlock } = this;
    const before = decoder.version;
    if (
      lastBlock !== undefined &&
      this.lastVersion === before &&
      lastBlock.length === end - start &&
      lastBlock.compare(bytes, start, end) === 0
    )
      return this.lastHeaders!;
    const headers = new RequestHeaders();
    headers.whole = this.decode(bytes, start, end, headers);
    headers.complete();
    if (decoder.version === before && end - start <= keptBlockBytes) {
      this.lastBlock = Buffer.from(bytes.subarray(start, end));
      this.lastHeaders = headers;
      this.lastVersion = before;
    }
    return headers;
  }

  /** Checks trailers; they count for the tables even of a stream that is over. Throws ConnectionFault. */
  trailers(bytes: Buffer, start: number, end: number): TrailerCheck {
    const check = new TrailerCheck();
    this.decode(bytes, start, end, check);
    return check;
  }

  private decode(
    bytes: Buffer,
    start: number,
    end: number,
    target: RequestHeaders | TrailerCheck,
  ): boolean {
    try {
      return this.decoder.decode(bytes, start, end, target);
    } catch (error) {
      if (error instanceof CompressionFault)
        throw new ConnectionFault(errorCode.compressionError, error.message);
      throw error;
    }
  }
}
