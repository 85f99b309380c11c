// Volumes that are to be larger: one after the other, so that a driver that fails harms one member. A
// volume that can only grow while nobody uses it makes its member restart, the leader last.
import { act, blocked, wait } from "#operator/plan/decide.ts";
import { heirOf, moveLeader } from "#operator/plan/membership.ts";
import type { Decision } from "#operator/plan/types.ts";
import { allServe, canPause, type View } from "#operator/plan/view.ts";

/** The next step to larger volumes; undefined if all are large enough. */
export function grow(view: View): Decision | undefined {
  const { state, wanted, members } = view;
  const bytes = wanted.volumeBytes;
  if (bytes === undefined) return undefined;
  const present = members.filter((one) => one.volume === "present");
  const word = "GrowingVolumes";
  const offline = present.filter(({ seen, runs }) => {
    return seen?.resize === "offline" && runs.kind === "running";
  });
  const next = offline.find((one) => !one.isLeader) ?? offline[0];
  if (next !== undefined) {
    if (!allServe(view) || !canPause(view, next)) {
      return wait(state, word, `${next.record.name} is restarted once all others serve`);
    }
    const heir = next.isLeader ? heirOf(view, next) : undefined;
    if (heir !== undefined) return moveLeader(state, next, heir);
    const message = `restarting ${next.record.name}, so that its volume can grow`;
    return act(state, { kind: "stop", member: next.record.name }, word, message);
  }
  const busy = present.find(({ seen }) => seen?.resize === "resizing");
  if (busy !== undefined) {
    return wait(state, word, `waiting for the volume of ${busy.record.name} to grow`);
  }
  const small = present.find(
    ({ seen }) => (seen?.volumeBytes ?? bytes) < bytes && seen?.resize !== "refused",
  );
  if (small === undefined) return undefined;
  const { name } = small.record;
  const step = { kind: "grow-volume", member: name, bytes } as const;
  return act(state, step, word, `the volume of ${name} is to have ${bytes} bytes`);
}

/** What is said, when nothing else is to do, of volumes that cannot grow; nothing else waits for them. */
export function refuseGrowth({ state, members }: View): Decision | undefined {
  const refused = members.filter(({ seen }) => seen?.resize === "refused");
  const [first] = refused;
  if (first === undefined) return undefined;
  const names = refused.map((one) => one.record.name).join(", ");
  return blocked(
    state,
    "VolumeGrowthRefused",
    `the volumes of ${names} cannot grow (${first.seen?.resizeRefusal}): let their storage class expand volumes, or replace these members one after the other, for new ones get the new size`,
  );
}
