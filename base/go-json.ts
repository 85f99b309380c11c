// JSON text as Go's encoder writes it: what HTML could take for markup is escaped. Pure.

const goEscapes = /[<>&\u2028\u2029]/g;

/** A string or a list of strings as Go's encoder writes it. */
export function goJson(value: string | readonly string[]): string {
  return JSON.stringify(value).replace(
    goEscapes,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
