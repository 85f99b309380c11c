// Reads TypeScript just well enough for tools/tidy.ts: comments and the insides of strings are
// blanked out, line by line in place, so that patterns match code only; imports are listed.

export interface SourceText {
  /** The text with comments, string contents and regular expressions turned into spaces. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly from: string;
  /** The whole statement is `import type` or `export type`. */
  readonly isType: boolean;
  /** `import("...")`: loaded when it is reached, not when the file is. */
  readonly isLazy: boolean;
  readonly line: number;
}

/** After one of these a slash begins a regular expression, not a division. */
const beforeRegex = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void))\s*$/;

/** Blanks `text` as described above; what is blanked keeps its length and its line breaks. */
export function blankNonCode(text: string): string {
  const out: string[] = [];
  /** Depths of braces at which a template's `${` was opened. */
  const templates: number[] = [];
  let braces = 0;
  let at = 0;
  let lastCode = "";
  const blank = (end: number, keepEnds: number) => {
    const piece = text.slice(at, end);
    const hidden = piece.replace(/[^\n]/g, " ");
    out.push(
      keepEnds === 0
        ? hidden
        : piece.slice(0, keepEnds) + hidden.slice(keepEnds, -keepEnds) + piece.slice(-keepEnds),
    );
    at = end;
  };
  const template = () => {
    let end = at + 1;
    for (; end < text.length; end++) {
      const c = text[end];
      if (c === "\\") end++;
      else if (c === "`") break;
      else if (c === "$" && text[end + 1] === "{") {
        templates.push(braces++);
        blank(end + 2, 1);
        return;
      }
    }
    blank(Math.min(end + 1, text.length), 1);
  };
  while (at < text.length) {
    const c = text[at] ?? "";
    const two = text.slice(at, at + 2);
    if (two === "//") {
      const end = text.indexOf("\n", at);
      blank(end < 0 ? text.length : end, 0);
    } else if (two === "/*") {
      const end = text.indexOf("*/", at + 2);
      blank(end < 0 ? text.length : end + 2, 0);
    } else if (c === '"' || c === "'") {
      let end = at + 1;
      while (end < text.length && text[end] !== c && text[end] !== "\n") {
        end += text[end] === "\\" ? 2 : 1;
      }
      blank(Math.min(end + 1, text.length), 1);
      lastCode = c;
    } else if (c === "`") {
      template();
      lastCode = "`";
    } else if (c === "/" && beforeRegex.test(lastCode)) {
      let end = at + 1;
      for (let inClass = false; end < text.length && text[end] !== "\n"; end++) {
        const r = text[end];
        if (r === "\\") end++;
        else if (r === "[") inClass = true;
        else if (r === "]") inClass = false;
        else if (r === "/" && !inClass) break;
      }
      blank(Math.min(end + 1, text.length), 1);
      lastCode = "x";
    } else {
      if (c === "{") braces++;
      if (c === "}") {
        braces--;
        if (templates.at(-1) === braces) {
          templates.pop();
          template();
          lastCode = "`";
          continue;
        }
      }
      out.push(c);
      at++;
      lastCode = (lastCode + c).slice(-12);
    }
  }
  return out.join("");
}

const importPattern =
  /\b(?:(import|export)\s+(type\s+)?(?:[\w*{}\s,$]*?\bfrom\s*)?|import\s*\(\s*)"( *)"/g;

/** Reads one source file. */
export function readSource(text: string): SourceText {
  const code = blankNonCode(text);
  const imports: Import[] = [];
  for (const found of code.matchAll(importPattern)) {
    const end = found.index + found[0].length;
    const inside = found[3] ?? "";
    // `export "x"` is no statement: what matched without `from` must be an import.
    if (found[1] === "export" && !/\bfrom\s*" *"$/.test(found[0])) continue;
    imports.push({
      from: text.slice(end - 1 - inside.length, end - 1),
      isType: found[2] !== undefined,
      isLazy: found[1] === undefined,
      line: lineAt(text, found.index),
    });
  }
  return { code, imports };
}

/** The number, from 1, of the line that holds position `at`. */
export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let next = text.indexOf("\n"); next >= 0 && next < at; next = text.indexOf("\n", next + 1)) {
    line++;
  }
  return line;
}
