// A set of half-open intervals of keys, merged where they touch: membership is a binary search,
// however many intervals a request names. Keys are latin1 strings, whose order is bytewise.

export class IntervalUnion {
  private readonly starts: string[] = [];
  private readonly ends: string[] = [];

  /** Adds [start, end); nothing if it is empty. */
  add(start: string, end: string): void {
    if (end <= start) return;
    const { starts, ends } = this;
    // [first, last) are the intervals that touch the new one.
    const first = lowerBound(ends, start);
    let last = first;
    while (last < starts.length && starts[last]! <= end) last++;
    if (first === last) {
      starts.splice(first, 0, start);
      ends.splice(first, 0, end);
      return;
    }
    const from = starts[first]! < start ? starts[first]! : start;
    const to = ends[last - 1]! > end ? ends[last - 1]! : end;
    starts.splice(first, last - first, from);
    ends.splice(first, last - first, to);
  }

  addAll(other: IntervalUnion): void {
    for (let i = 0; i < other.starts.length; i++) this.add(other.starts[i]!, other.ends[i]!);
  }

  /** True if the whole of [start, end) lies in the set; the interval must not be empty. */
  covers(start: string, end: string): boolean {
    const at = lowerBound(this.ends, end);
    return at < this.starts.length && this.starts[at]! <= start;
  }

  contains(key: string): boolean {
    const at = lowerBound(this.ends, `${key}\0`);
    return at < this.starts.length && this.starts[at]! <= key;
  }
}

/** The first place whose text is not below `text`. */
function lowerBound(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
