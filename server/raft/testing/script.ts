// Scripts: blocks of one command, a line `----`, and its expected output up to an empty line. Lines
// that begin with # are comments. Rewriting keeps everything but the outputs.

export interface Command {
  readonly name: string;
  readonly words: readonly string[];
  /** `key=value` words, and bare `key` words that begin with a dash, without the dash. */
  readonly options: ReadonlyMap<string, string>;
}

/** Reads one command line. */
export function parseCommand(line: string): Command {
  const words: string[] = [];
  const options = new Map<string, string>();
  const [name = "", ...rest] = line.trim().split(/\s+/);
  for (const word of rest) {
    const equals = word.indexOf("=");
    if (word.startsWith("-")) options.set(word.slice(1), "");
    else if (equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1));
    else words.push(word);
  }
  return { name, words, options };
}

/** Runs a script; the answer is the script with the outputs that really came. */
export function runScript(script: string, run: (command: Command) => string): string {
  const out: string[] = [];
  const lines = script.split("\n");
  for (let i = 0; i < lines.length; ) {
    const line = lines[i++]!;
    out.push(line);
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (lines[i] === "----") i++;
    while (i < lines.length && lines[i] !== "") i++;
    out.push("----", run(parseCommand(line)));
  }
  return `${out.join("\n").trimEnd()}\n`;
}
