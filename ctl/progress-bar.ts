// A bar that fills, on stderr, for a person who waits; nothing where nobody sees it.
import type { Terminal } from "#ctl/terminal.ts";

const width = 50;
const redrawMs = 200;

export class ProgressBar {
  private readonly terminal: Terminal;
  private readonly total: number;
  private readonly unit: string;
  private shownMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, total: number, unit: string) {
    this.terminal = terminal;
    this.total = total;
    this.unit = unit;
  }

  show(done: number): void {
    const nowMs = this.terminal.clock.monotonicMs();
    if (!this.terminal.isWatched || (nowMs - this.shownMs < redrawMs && done < this.total)) return;
    this.shownMs = nowMs;
    const share = Math.min(1, done / this.total);
    const filled = "#".repeat(Math.round(share * width)).padEnd(width, ".");
    const text = `${done} / ${this.total} ${this.unit} [${filled}] ${Math.floor(100 * share)}%`;
    this.terminal.err(`\r\x1b[K${text}`);
  }

  finish(): void {
    if (!this.terminal.isWatched) return;
    this.show(this.total);
    this.terminal.err("\n");
  }
}
