// A line split into words as etcdctl's interactive modes do: by white space, with 'single' quotes that
// take everything as it is and "double" quotes with Go's escapes.
import { Exit, exitCode } from "#ctl/exit.ts";
import { goUnquote } from "#ctl/go-text.ts";

const word = /"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\s]\S*[^'"\s]?/g;

/** The words of a line; throws Exit for a quoted word that cannot be read. */
export function splitWords(line: string): string[] {
  return Array.from(line.matchAll(word), ([text]) => {
    if (text.startsWith("'")) return text.slice(1, -1);
    if (!text.startsWith('"')) return text;
    const read = goUnquote(text);
    if (read === undefined) throw new Exit(exitCode.invalidInput, "invalid syntax");
    return Buffer.from(read.bytes).toString();
  });
}
