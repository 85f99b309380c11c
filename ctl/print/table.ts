// The table format: a box of lines, columns as wide as their widest cell, headings centred in capitals,
// cells to the right.
import {
  type EndpointHashKv,
  type EndpointHealth,
  type EndpointStatus,
  memberCells,
  UnsupportedPrinter,
} from "#ctl/print/printer.ts";
import {
  hashCells,
  hashColumns,
  healthCells,
  healthColumns,
  statusCells,
  statusColumns,
} from "#ctl/print/rows.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type { MemberListResponse } from "#proto/gen/cluster.ts";

const memberColumns = ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"];
const width = (text: string): number => [...text].length;

function centred(text: string, columns: number): string {
  const free = columns - width(text);
  const left = Math.floor(free / 2);
  return " ".repeat(left) + text + " ".repeat(free - left);
}

/** The table as text, a line feed after each line. Cells lose the space around them. */
export function tableText(
  columns: readonly string[],
  cells: readonly (readonly string[])[],
): string {
  const rows = cells.map((row) => row.map((cell) => cell.trim()));
  const headings = columns.map((name) => name.replaceAll("_", " ").toUpperCase());
  const widths = headings.map((heading, i) =>
    Math.max(width(heading), ...rows.map((row) => width(row[i] ?? ""))),
  );
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((columns) => "─".repeat(columns + 2)).join(middle)}${right}\n`;
  const line = (cells: readonly string[]): string => `│ ${cells.join(" │ ")} │\n`;
  const head = line(headings.map((heading, i) => centred(heading, widths[i] ?? 0)));
  const body = rows.map((row) =>
    line(widths.map((columns, i) => " ".repeat(columns - width(row[i] ?? "")) + (row[i] ?? ""))),
  );
  const divider = body.length === 0 ? "" : rule("├", "┼", "┤");
  return rule("┌", "┬", "┐") + head + divider + body.join("") + rule("└", "┴", "┘");
}

export class TablePrinter extends UnsupportedPrinter {
  private readonly terminal: Pick<Terminal, "out">;

  constructor(terminal: Pick<Terminal, "out">) {
    super("table");
    this.terminal = terminal;
  }

  private table(columns: readonly string[], rows: readonly (readonly string[])[]): void {
    this.terminal.out(tableText(columns, rows));
  }

  override memberList(response: MemberListResponse): void {
    this.table(memberColumns, response.members.map(memberCells));
  }

  override endpointHealth(rows: readonly EndpointHealth[]): void {
    this.table(healthColumns, rows.map(healthCells));
  }

  override endpointStatus(rows: readonly EndpointStatus[]): void {
    this.table(statusColumns, rows.map(statusCells));
  }

  override endpointHashKv(rows: readonly EndpointHashKv[]): void {
    this.table(hashColumns, rows.map(hashCells));
  }
}
