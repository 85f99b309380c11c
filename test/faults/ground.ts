// What a fault acts on, and the few things that all faults share.
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { Method } from "#client/transport.ts";
import type { Cluster, ClusterMember } from "#test/cluster/cluster.ts";
import { callOnce, openChannel } from "./caller.ts";
import type { HostileMachine } from "./hostile.ts";
import type { Links } from "./links.ts";

/** A cluster under load, and everything that can be done to it. */
export interface Ground {
  readonly cluster: Cluster;
  readonly links: Links;
  /** One a member; none where nothing can be preloaded. */
  readonly machines: readonly HostileMachine[];
  /** Position of the leader, or -1. */
  leader(): number;
  /** Called while a member is down, before it starts again. */
  beforeStart(member: ClusterMember): void;
  /** Takes in all history up to a revision of about now, and answers it: it may be compacted. */
  archived(): Promise<number>;
}

/** What one fault is given. */
export interface Scene extends Ground {
  readonly random: Random;
  /** Tells of the fault, with whom it strikes; a fault that strikes is counted. */
  strike(...who: readonly string[]): void;
}

/** One fault: inflicted and mended when it resolves. */
export type Fault = (scene: Scene) => Promise<void>;

export const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** A number of [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** One of a list that is not empty. */
export function oneOf<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** Position of the leader if one is known, else of any member. */
export function leaderOrAny(scene: Scene): number {
  const leader = scene.leader();
  return leader >= 0 ? leader : anyone(scene);
}

export function anyone(scene: Scene): number {
  return scene.random.below(scene.cluster.members.length);
}

/** Another than `position`, at random. */
export function another(scene: Scene, position: number): number {
  const count = scene.cluster.members.length;
  return (position + 1 + scene.random.below(count - 1)) % count;
}

const callLimitMs = 3_000;
const repeatMs = 200;

/** One call to one member, on a connection of its own. */
export async function ask<Req, Res>(
  member: ClusterMember,
  service: { readonly fullName: string },
  method: Method<Req, Res>,
  request: Req,
): Promise<Res> {
  const channel = openChannel(member.endpoint);
  try {
    return await callOnce(channel, method, service, request, callLimitMs);
  } finally {
    channel.close();
  }
}

/** Repeats `step` until it answers something; fails after `limitMs`, with the last error as cause. */
export async function insist<T>(
  what: string,
  limitMs: number,
  step: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  let cause: unknown;
  do {
    try {
      const answer = await step();
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    await wait(repeatMs);
  } while (performance.now() < endMs);
  throw new OperatingError("FAULT_FAILED", `${what}: not within ${limitMs / 1000} s: ${cause}`, {
    cause,
  });
}
