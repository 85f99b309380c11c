// What a person sees who waits, on stderr: a bar that fills, or one line that says what is being done and
// for how long. Nothing where nobody sees it: a log is no place for it.
import type { Timer } from "#base/clock.ts";
import type { Terminal } from "#ctl/terminal.ts";

export type Screen = Pick<Terminal, "err" | "isWatched" | "clock">;

const width = 50;
const redrawMs = 200;
const clearLine = "\r\x1b[K";

function barText(share: number): string {
  const filled = "#".repeat(Math.floor(share * width)).padEnd(width, ".");
  return `[${filled}] ${Math.floor(100 * share)}%`;
}

/** A bar for what can be counted; `amount` words a count, as `3 keys`. */
export class ProgressBar {
  private readonly screen: Screen;
  private readonly amount: (count: number) => string;
  private shownMs = Number.NEGATIVE_INFINITY;
  private total: number;

  constructor(screen: Screen, total: number, amount: (count: number) => string) {
    this.screen = screen;
    this.total = total;
    this.amount = amount;
  }

  show(done: number, total = this.total): void {
    this.total = total;
    const nowMs = this.screen.clock.monotonicMs();
    if (!this.screen.isWatched || (nowMs - this.shownMs < redrawMs && done < total)) return;
    this.shownMs = nowMs;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const text = `${this.amount(done)} / ${this.amount(total)} ${barText(share)}`;
    this.screen.err(`${clearLine}${text}`);
  }

  /** Ends the line, with whatever it shows: an interrupted one is not full. */
  finish(): void {
    if (this.screen.isWatched) this.screen.err("\n");
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.screen.isWatched) this.screen.err(clearLine);
  }
}

/** A line for what cannot be counted, or only by how much of a file was read. */
export class WaitingLine {
  private readonly screen: Screen;
  private text = "";
  private sinceMs = 0;
  private share: number | undefined;
  private ticks: Timer | undefined;

  constructor(screen: Screen) {
    this.screen = screen;
  }

  /** What is being done from now on. */
  step(text: string): void {
    if (!this.screen.isWatched) return;
    this.text = text;
    this.share = undefined;
    this.sinceMs = this.screen.clock.monotonicMs();
    this.draw();
    this.ticks ??= this.screen.clock.every(redrawMs, () => this.draw());
  }

  /** How much of it is done, from 0 to 1. */
  advance(share: number): void {
    this.share = Math.min(1, share);
  }

  /** Before something else is written there; the next tick shows the line again. */
  hide(): void {
    if (this.ticks !== undefined) this.screen.err(clearLine);
  }

  /** Takes it away; the next step shows it again. */
  end(): void {
    this.hide();
    this.ticks?.cancel();
    this.ticks = undefined;
  }

  private draw(): void {
    const seconds = Math.floor((this.screen.clock.monotonicMs() - this.sinceMs) / 1_000);
    const bar = this.share === undefined ? "" : ` ${barText(this.share)}`;
    this.screen.err(`${clearLine}${this.text}${bar} ${seconds} s`);
  }
}
