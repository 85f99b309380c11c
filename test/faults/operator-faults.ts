// What operators do to a cluster that serves: leadership moved, history compacted, files
// defragmented, a member whose disk is lost replaced.
import { ClusterDefinition } from "#proto/gen/cluster.ts";
import { KVDefinition } from "#proto/gen/kv.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { another, anyone, ask, between, type Fault, insist, leaderOrAny, wait } from "./ground.ts";

const membership = ClusterDefinition.methods;
const membershipLimitMs = 45_000;

/** A mild fault may meet a hard one: what it asks for may fail, and is then no fault. */
export const moveLeader: Fault = async (scene) => {
  const leader = scene.leader();
  if (leader < 0) return;
  const { members } = scene.cluster;
  const target = another(scene, leader);
  const { status, moveLeader: move } = MaintenanceDefinition.methods;
  try {
    const { header } = await ask(members[target]!, MaintenanceDefinition, status, {});
    const targetID = header?.memberId ?? 0n;
    await ask(members[leader]!, MaintenanceDefinition, move, { targetID });
  } catch {
    return;
  }
  scene.strike(members[leader]!.name, "to", members[target]!.name);
};

/** Everything but the last few hundred revisions goes, after it was read for the comparison. */
export const compact: Fault = async (scene) => {
  try {
    const newest = await scene.archived();
    const revision = newest - scene.random.below(300);
    if (revision < 2) return;
    const member = scene.cluster.members[anyone(scene)]!;
    const physical = scene.random.chance(0.3);
    await ask(member, KVDefinition, KVDefinition.methods.compact, { revision, physical });
    scene.strike(`at revision ${revision}`, physical ? "physical" : "");
  } catch {
    // The member was down or without a leader, or somebody was faster.
  }
};

export const defragment: Fault = async (scene) => {
  const member = scene.cluster.members[anyone(scene)]!;
  try {
    await ask(member, MaintenanceDefinition, MaintenanceDefinition.methods.defragment, {});
  } catch {
    return;
  }
  scene.strike(member.name);
};

/**
 * A member's disk is lost: it is removed, and an empty one under its name joins, as a voter or as a
 * learner that is promoted once it has caught up.
 */
export const replaceMember: Fault = async (scene) => {
  const { cluster, random } = scene;
  const position = random.chance(0.4) ? leaderOrAny(scene) : anyone(scene);
  const victim = cluster.members[position]!;
  const isLearner = random.chance(0.5);
  scene.strike(victim.name, isLearner ? "by a learner" : "by a voter");
  const through = cluster.members.filter((member) => member !== victim);
  let turn = 0;
  const helper = () => through[turn++ % through.length]!;
  const members = async () =>
    (await ask(helper(), ClusterDefinition, membership.memberList, { linearizable: true })).members;
  const present = async () =>
    (await members()).find(({ peerURLs }) => peerURLs.includes(victim.peerUrl));

  await victim.kill("SIGKILL");
  scene.beforeStart(victim);
  await wait(between(random, 0, 1500));
  const old = await insist("the member's ID", membershipLimitMs, present);
  // What came without an answer may have been done: membership itself is asked before each try.
  await insist(`removal of ${victim.name}`, membershipLimitMs, async () => {
    if ((await present()) === undefined) return true;
    await ask(helper(), ClusterDefinition, membership.memberRemove, { ID: old.ID });
    return undefined;
  });
  const added = await insist(`addition of ${victim.name}`, membershipLimitMs, async () => {
    const there = await present();
    if (there !== undefined) return there;
    const peerURLs = [victim.peerUrl];
    await ask(helper(), ClusterDefinition, membership.memberAdd, { peerURLs, isLearner });
    return undefined;
  });
  scene.links.know(added.ID, position);
  cluster.replace(victim, cluster.members);
  await victim.start();
  if (!isLearner) return;
  await insist(`promotion of ${victim.name}`, membershipLimitMs, async () => {
    if ((await present())?.isLearner === false) return true;
    await ask(helper(), ClusterDefinition, membership.memberPromote, { ID: added.ID });
    return undefined;
  });
};
