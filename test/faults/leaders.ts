// Who leads, asked of the members themselves again and again: the faults aim by it, and leader
// changes are counted by the terms in which somebody said that it leads.
import type * as grpc from "@grpc/grpc-js";
import { MaintenanceDefinition, type StatusResponse } from "#proto/gen/maintenance.ts";
import { callOnce, openChannel } from "./caller.ts";

const pollMs = 150;
const deadlineMs = 600;

export class Leaders {
  private readonly channels: readonly grpc.Client[];
  private readonly terms = new Map<number, number>();
  private readonly timer: NodeJS.Timeout;
  private readonly identified: (position: number, memberId: bigint) => void;
  private readonly asking = new Set<number>();
  /** Position of the member that last said that it leads, in the highest term. */
  current = -1;
  private currentTerm = 0;

  /** `identified` is told what ID the member at a position has, again and again. */
  constructor(
    endpoints: readonly string[],
    identified: (position: number, memberId: bigint) => void = () => {},
  ) {
    this.identified = identified;
    this.channels = endpoints.map(openChannel);
    this.timer = setInterval(() => {
      for (const i of this.channels.keys()) void this.poll(i);
    }, pollMs);
  }

  /** Terms after the first in which a leader was seen. */
  get changes(): number {
    return Math.max(0, this.terms.size - 1);
  }

  /** What a member says of itself, or undefined if it does not answer. */
  async status(i: number, limitMs = deadlineMs): Promise<StatusResponse | undefined> {
    const { status } = MaintenanceDefinition.methods;
    try {
      return await callOnce(this.channels[i]!, status, MaintenanceDefinition, {}, limitMs);
    } catch {
      return undefined;
    }
  }

  close(): void {
    clearInterval(this.timer);
    for (const channel of this.channels) channel.close();
  }

  private async poll(i: number): Promise<void> {
    if (this.asking.has(i)) return;
    this.asking.add(i);
    const status = await this.status(i);
    this.asking.delete(i);
    if (status?.header !== undefined) this.identified(i, status.header.memberId);
    if (status === undefined || status.leader !== status.header?.memberId) return;
    const term = status.raftTerm;
    this.terms.set(term, i);
    if (term >= this.currentTerm) {
      this.currentTerm = term;
      this.current = i;
    }
  }
}
