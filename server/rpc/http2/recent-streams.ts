// The last streams that a client opened, to tell one that is closed from one that was never used.

const slots = 64;

export class RecentStreams {
  /** By stream number, made for the first one. One that we ended stands there as its number plus one. */
  private seen: Uint32Array | undefined;

  opened(streamId: number): void {
    this.seen ??= new Uint32Array(slots);
    this.seen[slot(streamId)] = streamId;
  }

  /** What still comes for a stream that we ended ourselves is on its way for good reason. */
  endedByUs(streamId: number): void {
    if (this.endedByClient(streamId)) this.seen![slot(streamId)] = streamId + 1;
  }

  /** It was opened, and not ended by us. */
  endedByClient(streamId: number): boolean {
    return this.seen?.[slot(streamId)] === streamId;
  }

  /** Of streams long gone nobody knows any more whether they were: they count as used. */
  neverUsed(streamId: number): boolean {
    return (this.seen?.[slot(streamId)] ?? 0) < streamId;
  }
}

function slot(streamId: number): number {
  return (streamId >> 1) % slots;
}
