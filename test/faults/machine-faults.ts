// Disks that are slow or full, wall clocks that jump. They need libraries preloaded (hostile.ts).
import { OperatingError } from "#base/errors.ts";
import type { ClusterMember } from "#test/cluster/cluster.ts";
import { anyone, between, type Fault, leaderOrAny, oneOf, type Scene, wait } from "./ground.ts";
import { peace } from "./hostile.ts";

const fullLimitMs = 15_000;

/** What a member says that a leader sends a state it has no room for. It needs nothing but that: it goes on. */
const noRoomForState = /no space left.*could not save a received snapshot/i;

/** Throws unless the member, which has ended, did so by itself, with a code and one line that says why. */
export async function stoppedForRoom(member: ClusterMember): Promise<void> {
  const { code, signal } = await member.kill();
  const clear = member
    .log()
    .filter((line) => /no space left|disk is full/i.test(line) && !noRoomForState.test(line));
  if (signal === null && code !== 0 && clear.length === 1) return;
  throw new OperatingError(
    "UNCLEAR_END",
    `${member.name} on a full disk ended with ${signal ?? code} and ${clear.length} clear lines:\n${member
      .log()
      .slice(-15)
      .join("\n")}`,
  );
}

/** It stops by itself and says why; with room again it comes back. */
export const fullDisk: Fault = async (scene) => {
  const position = scene.random.chance(0.5) ? leaderOrAny(scene) : anyone(scene);
  const member = scene.cluster.members[position]!;
  const machine = scene.machines[position]!;
  const refused = machine.refused;
  const logged = member.log().length;
  machine.set({ roomBytes: scene.random.below(1 << 16) });
  try {
    const endMs = performance.now() + fullLimitMs;
    while (member.isRunning && performance.now() < endMs) await wait(20);
    if (member.isRunning && machine.refused === refused) return; // it had nothing to write
    if (
      member.isRunning &&
      member
        .log()
        .slice(logged)
        .some((line) => noRoomForState.test(line))
    )
      return;
    if (member.isRunning) {
      // Said with SIGTERM's own words in the log, should it still listen to that.
      await Promise.race([member.kill("SIGTERM"), wait(5_000)]);
      throw new OperatingError(
        "HANGS",
        `${member.name} goes on without a disk for ${fullLimitMs} ms: ${member.log().slice(-10).join("\n")}`,
      );
    }
  } finally {
    machine.set({ roomBytes: peace.roomBytes });
  }
  scene.strike(member.name);
  await stoppedForRoom(member);
  scene.beforeStart(member);
  await member.start();
};

/** A disk whose syncs take as long as those of a busy or dying one. */
export const slowDisk: Fault = async (scene) => {
  const position = scene.random.chance(0.5) ? leaderOrAny(scene) : anyone(scene);
  const machine = scene.machines[position]!;
  const slowness = {
    syncDelayMs: oneOf(scene.random, [20, 100, 400, 1500]),
    writeDelayMs: oneOf(scene.random, [0, 0, 5]),
  };
  scene.strike(scene.cluster.members[position]!.name, JSON.stringify(slowness));
  machine.set(slowness);
  try {
    await wait(between(scene.random, 1000, 4000));
  } finally {
    machine.set({ syncDelayMs: peace.syncDelayMs, writeDelayMs: peace.writeDelayMs });
  }
};

const second = 1000;
const day = 86_400 * second;
const jumps = [
  -day,
  -3600 * second,
  -10 * second,
  -1500,
  1500,
  10 * second,
  3600 * second,
  10 * day,
];

async function jump(scene: Scene, positions: readonly number[]): Promise<void> {
  const wallOffsetMs = oneOf(scene.random, jumps);
  const names = positions.map((i) => scene.cluster.members[i]!.name);
  scene.strike(...names, `by ${wallOffsetMs / second} s`);
  for (const i of positions) scene.machines[i]!.set({ wallOffsetMs });
  await wait(between(scene.random, 500, 6000));
  // The way back is a jump, too.
  for (const i of positions) scene.machines[i]!.set({ wallOffsetMs: peace.wallOffsetMs });
}

export const clockOfOne: Fault = (scene) => jump(scene, [anyone(scene)]);
export const clockOfLeader: Fault = (scene) => jump(scene, [leaderOrAny(scene)]);
export const clockOfAll: Fault = (scene) => jump(scene, [...scene.cluster.members.keys()]);
