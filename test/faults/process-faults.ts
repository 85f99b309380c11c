// Members that are killed, and members that stand still.
import type { ClusterMember } from "#test/cluster/cluster.ts";
import { another, anyone, between, type Fault, leaderOrAny, type Scene, wait } from "./ground.ts";

async function kill(scene: Scene, victims: readonly ClusterMember[], downMs: number) {
  await Promise.all(victims.map((member) => member.kill("SIGKILL")));
  await wait(downMs);
  await Promise.all(
    victims.map((member) => {
      scene.beforeStart(member);
      return member.start();
    }),
  );
}

async function pause(member: ClusterMember, forMs: number): Promise<void> {
  member.pause();
  try {
    await wait(forMs);
  } finally {
    member.resume();
  }
}

const killed =
  (choose: (scene: Scene) => number): Fault =>
  async (scene) => {
    const victim = scene.cluster.members[choose(scene)]!;
    scene.strike(victim.name);
    await kill(scene, [victim], between(scene.random, 0, 2000));
  };

const paused =
  (choose: (scene: Scene) => number): Fault =>
  async (scene) => {
    const victim = scene.cluster.members[choose(scene)]!;
    scene.strike(victim.name);
    await pause(victim, between(scene.random, 100, 4000));
  };

export const killLeader = killed(leaderOrAny);
export const killOne = killed(anyone);
export const pauseLeader = paused(leaderOrAny);
export const pauseOne = paused(anyone);

/** The second time as it starts, replays its log or installs a snapshot. */
export const crashTwice: Fault = async (scene) => {
  const { random } = scene;
  const victim = scene.cluster.members[anyone(scene)]!;
  scene.strike(victim.name);
  await victim.kill("SIGKILL");
  await wait(between(random, 500, 2000));
  scene.beforeStart(victim);
  const first = victim.start().catch(() => {});
  await wait(between(random, 200, 3000));
  await kill(scene, [victim], 0);
  await first;
};

export const twoDown: Fault = async (scene) => {
  const { random, cluster } = scene;
  const first = anyone(scene);
  const victim = cluster.members[first]!;
  const other = cluster.members[another(scene, first)]!;
  scene.strike(victim.name, other.name);
  if (random.chance(0.5)) {
    await kill(scene, [victim, other], between(random, 500, 2500));
    return;
  }
  // The one that is left is cut off by a pause on one side and an end on the other.
  const standing = pause(victim, between(random, 500, 3000));
  await kill(scene, [other], between(random, 500, 1500));
  await standing;
};

export const powerCut: Fault = async (scene) => {
  scene.strike("all");
  await kill(scene, scene.cluster.members, 0);
};
