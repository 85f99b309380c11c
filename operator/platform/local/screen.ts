// The terminal: lines that stay, and below them a block that is redrawn in place. Where output is no
// terminal the block is printed again when it has changed in substance.

export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal; wider lines of the block are cut, for a wrapped line counts as two. */
  readonly columns: number;
  write(text: string): void;
}

export class Screen {
  readonly #output: Output;
  #blockLines = 0;
  #block: readonly string[] = [];
  #essence = "";

  constructor(output: Output) {
    this.#output = output;
  }

  /** Prints a line that stays, above the block. */
  line(text: string): void {
    this.#erase();
    this.#output.write(`${text}\n`);
    if (this.#output.isTerminal) this.#draw();
  }

  /** Shows the block; `essence` says in short what it tells. */
  block(lines: readonly string[], essence: string): void {
    if (this.#output.isTerminal) {
      this.#erase();
      this.#block = lines;
      this.#draw();
    } else if (essence !== this.#essence) {
      this.#output.write(`${lines.join("\n")}\n`);
    }
    this.#essence = essence;
  }

  /** Takes the block away for good. */
  clear(): void {
    this.#erase();
    this.#block = [];
  }

  #erase(): void {
    if (this.#blockLines > 0) this.#output.write(`\x1b[${this.#blockLines}A\x1b[J`);
    this.#blockLines = 0;
  }

  #draw(): void {
    if (this.#block.length === 0) return;
    const { columns } = this.#output;
    this.#output.write(this.#block.map((line) => `${line.slice(0, columns)}\n`).join(""));
    this.#blockLines = this.#block.length;
  }
}
