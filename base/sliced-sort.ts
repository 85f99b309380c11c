// Sorting very many items without holding up whoever else is to run: a merge sort that pauses. Pure.

/**
 * Sorts `items`, which it may alter, and returns them in order; equal ones keep theirs. Yields after
 * every `perSlice` items that it sorted or moved.
 */
export function* sortInSlices<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  perSlice: number,
): Generator<undefined, T[]> {
  const { length } = items;
  if (length <= perSlice) return items.sort(compare);
  for (let start = 0; start < length; start += perSlice) {
    const run = items.slice(start, start + perSlice).sort(compare);
    for (const [at, item] of run.entries()) items[start + at] = item;
    yield;
  }
  let from = items;
  let to = new Array<T>(length);
  let left = perSlice;
  for (let width = perSlice; width < length; width *= 2) {
    for (let start = 0; start < length; start += 2 * width) {
      const middle = Math.min(start + width, length);
      const end = Math.min(start + 2 * width, length);
      let a = start;
      let b = middle;
      for (let at = start; at < end; at++) {
        const first = a < middle && (b >= end || compare(from[a]!, from[b]!) <= 0);
        to[at] = first ? from[a++]! : from[b++]!;
        if (--left > 0) continue;
        left = perSlice;
        yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
