// The network between members, cut or bad. Clients reach every member throughout, which is what makes
// a member that is cut off dangerous: it can still be asked.
import {
  another,
  anyone,
  between,
  type Fault,
  leaderOrAny,
  oneOf,
  type Scene,
  wait,
} from "./ground.ts";
import type { Condition, Link } from "./links.ts";

const shortestCutMs = 500;
/** Well beyond election and check-quorum timeouts. */
const longestCutMs = 5000;

function others(scene: Scene, position: number): number[] {
  return [...scene.cluster.members.keys()].filter((i) => i !== position);
}

const from = (scene: Scene, one: number): Link[] => others(scene, one).map((i) => [one, i]);
const to = (scene: Scene, one: number): Link[] => others(scene, one).map((i) => [i, one]);

async function during(scene: Scene, links: readonly Link[], condition: Condition, forMs: number) {
  scene.links.set(links, condition);
  try {
    await wait(forMs);
  } finally {
    scene.links.mend(links, scene.random.chance(0.5));
  }
}

function cut(scene: Scene, links: readonly Link[]): Promise<void> {
  return during(
    scene,
    links,
    { blocked: true },
    between(scene.random, shortestCutMs, longestCutMs),
  );
}

/** A minority is cut off from the rest: one of three, one or two of five. */
const isolated =
  (choose: (scene: Scene) => number): Fault =>
  async (scene) => {
    const { members } = scene.cluster;
    const first = choose(scene);
    const size = between(scene.random, 1, Math.max(1, Math.ceil(members.length / 2) - 1));
    const inside = Array.from({ length: size }, (_, i) => (first + i) % members.length);
    const outside = [...members.keys()].filter((i) => !inside.includes(i));
    scene.strike(...inside.map((i) => members[i]!.name));
    await cut(
      scene,
      inside.flatMap((one) =>
        outside.flatMap((two): Link[] => [
          [one, two],
          [two, one],
        ]),
      ),
    );
  };

export const isolateLeader = isolated(leaderOrAny);
export const isolateOne = isolated(anyone);

/** The leader sends and hears nothing, or hears and cannot send. */
export const oneWay: Fault = async (scene) => {
  const one = scene.random.chance(0.7) ? leaderOrAny(scene) : anyone(scene);
  const outward = scene.random.chance(0.5);
  scene.strike(scene.cluster.members[one]!.name, outward ? "cannot send" : "cannot hear");
  await cut(scene, outward ? from(scene, one) : to(scene, one));
};

/**
 * Each sees a majority and no two see the same: of three, one link is cut and the leader is at its
 * end; of more, everybody reaches its two neighbours in a ring.
 */
export const bridge: Fault = async (scene) => {
  const count = scene.cluster.members.length;
  if (count > 3) {
    const isNeighbour = (a: number, b: number) => [1, count - 1].includes((b - a + count) % count);
    const all = [...scene.cluster.members.keys()].flatMap((one) => from(scene, one));
    scene.strike("a ring of", `${count}`);
    await cut(
      scene,
      all.filter(([a, b]) => !isNeighbour(a, b)),
    );
    return;
  }
  const one = leaderOrAny(scene);
  const two = another(scene, one);
  const { members } = scene.cluster;
  scene.strike(members[one]!.name, "and", members[two]!.name);
  await cut(scene, [
    [one, two],
    [two, one],
  ]);
};

/** Nobody hears anybody: no majority anywhere. */
export const scatter: Fault = async (scene) => {
  scene.strike("all");
  const links = [...scene.cluster.members.keys()].flatMap((one) => from(scene, one));
  await cut(scene, links);
};

const worsened =
  (describe: (scene: Scene) => Condition): Fault =>
  async (scene) => {
    const condition = describe(scene);
    const all = [...scene.cluster.members.keys()];
    const links = scene.random.chance(0.5)
      ? all.flatMap((one) => from(scene, one))
      : ((one) => [...from(scene, one), ...to(scene, one)])(leaderOrAny(scene));
    scene.strike(JSON.stringify(condition), `on ${links.length} links`);
    await during(scene, links, condition, between(scene.random, 1000, 5000));
  };

export const delay = worsened(({ random }) => ({
  delayMs: oneOf(random, [5, 50, 150, 400]),
  jitterMs: oneOf(random, [1, 20, 100]),
}));
export const loss = worsened(({ random }) => ({ lossPercent: oneOf(random, [0.5, 2, 10]) }));
export const narrow = worsened(({ random }) => ({
  bytesPerSecond: oneOf(random, [20_000, 100_000, 500_000]),
}));
