// Log lines for people, as zap's console form has them: time, level and message, tabs between them, then
// the fields as JSON with spaces.

/** A JSON line with `level`, `ts` and `msg` in that form. */
export function consoleLine(json: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const columns = [ts, level, msg];
  if (Object.keys(fields).length > 0) columns.push(spaced(fields));
  return `${columns.join("\t")}\n`;
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const pairs = Object.entries(value).map(
    ([name, one]) => `${JSON.stringify(name)}: ${spaced(one)}`,
  );
  return `{${pairs.join(", ")}}`;
}
