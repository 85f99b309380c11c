// Names that a mistyped one may have meant.

const maxDistance = 2;

/** Letters to insert, delete or replace to turn one text into the other, whatever their case. */
function distance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** Those at most two letters away, or that begin with `name`. */
export function similarNames(name: string, names: readonly string[]): string[] {
  return [...names]
    .sort()
    .filter(
      (each) =>
        distance(name, each) <= maxDistance || each.toLowerCase().startsWith(name.toLowerCase()),
    );
}
