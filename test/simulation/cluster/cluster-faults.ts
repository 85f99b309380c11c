// What befalls whole members: crashes at any moment and at chosen ones, clean stops, pauses, wall
// clocks that jump, and partitions.
import type { ClusterNetwork } from "./cluster-network.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import type { SimMember } from "./sim-member.ts";

const maxJumpMs = 3_600_000;

export class ClusterFaults {
  private readonly stage: ClusterStage;
  private readonly network: ClusterNetwork;

  constructor(stage: ClusterStage, network: ClusterNetwork) {
    this.stage = stage;
    this.network = network;
    network.crashSoon = (member) => this.crashSoon(member, 60);
  }

  begin(): void {
    this.weatherLater();
    this.tormentLater();
  }

  private weatherLater(): void {
    if (this.stage.healing) return;
    this.network.changeWeather();
    this.stage.time.after(2000 + this.stage.random.below(6000), () => this.weatherLater());
  }

  private tormentLater(): void {
    const { random } = this.stage;
    // Long enough, now and then, for members to count as healthy: or nothing could be changed.
    const lullMs = random.chance(0.12) ? 7000 + random.below(5000) : 0;
    this.stage.time.after(200 + random.below(1600) + lullMs, () => {
      if (this.stage.healing) return;
      this.torment();
      this.tormentLater();
    });
  }

  private torment(): void {
    const { random } = this.stage;
    const victim = random.chance(0.4) ? this.stage.leader() : this.stage.pick(this.stage.up());
    if (victim === undefined) return;
    const dice = random.below(100);
    if (dice < 15) this.crash(victim);
    else if (dice < 36) this.crashInSave(victim);
    else if (dice < 40) this.crashAll();
    else if (dice < 47) this.stop(victim);
    else if (dice < 53) this.jumpClock(victim);
    else if (dice < 75) {
      this.stage.count("pause");
      victim.life.pause(200 + random.below(random.chance(0.3) ? 12_000 : 3000));
    } else this.network.cut(victim);
  }

  /** The power of the whole room. */
  private crashAll(): void {
    for (const member of this.stage.members) if (member.isUp) this.crash(member);
  }

  crash(member: SimMember): void {
    member.crash();
    this.restartLater(member);
  }

  /** Crashes it as soon as it has handed something to its log that is not synced yet. */
  private crashInSave(member: SimMember): void {
    const { life } = member;
    let tries = 0;
    const look = (): void => {
      if (life.isDead || this.stage.healing) return;
      if (member.disk.wal.unsyncedCount > 0 || ++tries > 500) this.crash(member);
      else this.stage.time.after(1, look);
    };
    this.stage.time.after(1 + this.stage.random.below(20), look);
  }

  /** Crashes it within so many ms, unless it has ended by then. */
  crashSoon(member: SimMember, withinMs: number): void {
    const { life } = member;
    this.stage.time.after(this.stage.random.below(withinMs), () => {
      if (life.isDead || this.stage.healing || !member.isUp) return;
      this.stage.count("crash while a state moved");
      this.crash(member);
    });
  }

  restartLater(member: SimMember): void {
    const longMs = this.stage.random.chance(0.2) ? 15_000 : 3000;
    this.stage.time.after(100 + this.stage.random.below(longMs), () => {
      if (!member.isUp && !member.hasLeft) member.start();
    });
  }

  stop(member: SimMember): void {
    member.stop().then(
      () => this.restartLater(member),
      (error: unknown) => this.stage.fail(error),
    );
  }

  private jumpClock(member: SimMember): void {
    this.stage.count("wall clock jumped");
    member.wallOffsetMs = this.stage.random.below(2 * maxJumpMs) - maxJumpMs;
  }

  heal(): void {
    for (const member of this.stage.members) {
      member.life.wake();
      if (!member.isUp && !member.hasLeft && !member.isLost) member.start();
    }
  }
}
