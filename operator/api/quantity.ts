// Kubernetes' amounts as numbers: 500m is 0.5, 8Gi is 8589934592; and durations, as 1h30m.

const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that `text` stands for; undefined if it is no quantity. */
export function parseQuantity(text: string): number | undefined {
  const parts = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]{0,2})$/.exec(text);
  const factor = factors[parts?.[2] ?? "none"];
  return parts === null || factor === undefined ? undefined : Number(parts[1]) * factor;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as 1h30m; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) {
    total += Number(amount) * (units[unit] ?? 0);
  }
  return total;
}
