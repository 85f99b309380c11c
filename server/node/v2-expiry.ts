// The end of v2 nodes: the leader looks every 500 ms whether one is due by its clock, and proposes an
// entry with that time; what goes is decided by the entry, on every member alike (facts: v2 API §4).
import type { Clock, Timer } from "#base/clock.ts";
import { V2Request } from "#proto/gen/extension.ts";

const lookMs = 500;

export interface V2ExpiryPorts {
  readonly clock: Clock;
  isLeader(): boolean;
  nextExpiryMs(): number | undefined;
  propose(request: V2Request): Promise<unknown>;
}

export class V2Expiry {
  private readonly ports: V2ExpiryPorts;
  private timer: Timer | undefined;
  private proposing = false;

  constructor(ports: V2ExpiryPorts) {
    this.ports = ports;
  }

  start(): void {
    this.timer = this.ports.clock.every(lookMs, () => this.look());
  }

  stop(): void {
    this.timer?.cancel();
  }

  private look(): void {
    const { clock, isLeader, nextExpiryMs, propose } = this.ports;
    const due = nextExpiryMs();
    const timeMs = clock.wallMs();
    if (due === undefined || due > timeMs || this.proposing || !isLeader()) return;
    this.proposing = true;
    const done = (): void => {
      this.proposing = false;
    };
    // One that is lost is proposed again at the next look.
    propose(V2Request.create({ method: "SYNC", timeMs })).then(done, done);
  }
}
