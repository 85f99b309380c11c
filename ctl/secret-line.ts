// A line typed without echo. The terminal hands on every key, so what it does to a line otherwise is done
// here: the keys that take something back, that end it, and that end the program.

/** Collects bytes, as latin1, until the line ends. */
export class SecretLine {
  text = "";
  private readonly interrupted: () => void;

  constructor(interrupted: () => void) {
    this.interrupted = interrupted;
  }

  /** Takes bytes in; how many of them belong to the line once it has ended, undefined until then. */
  take(bytes: string): number | undefined {
    for (let at = 0; at < bytes.length; at++) {
      const key = bytes[at]!;
      switch (key) {
        case "\r":
        case "\n":
        case "\u0004": // Ctrl-D: no more will come
          return at + 1;
        case "\u0003": // Ctrl-C
          this.interrupted();
          break;
        case "\b":
        case "\u007f":
          // A character of UTF-8 goes as a whole.
          this.text = this.text.slice(0, startOfLast(this.text));
          break;
        case "\u0015": // Ctrl-U
          this.text = "";
          break;
        default:
          this.text += key;
      }
    }
    return undefined;
  }
}

/** Where the last character of UTF-8 begins. */
function startOfLast(text: string): number {
  let at = text.length - 1;
  while (at > 0 && (text.charCodeAt(at) & 0xc0) === 0x80) at--;
  return Math.max(0, at);
}
