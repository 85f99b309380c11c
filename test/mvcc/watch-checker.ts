// Opens watches at random and holds what they were sent against the model: every event once, in
// order, no revision split, previous pairs right, cancelled only when compacted away.
import assert from "node:assert/strict";
import type { Random } from "#base/random.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import { WatchCreateRequest, type WatchResponse } from "#proto/gen/watch.ts";
import type { WatchSession } from "#server/mvcc/watch-session.ts";
import { latin1, type Model } from "./model.ts";
import { type Rig, turns } from "./rig.ts";

interface Followed {
  readonly session: WatchSession;
  readonly id: number;
  readonly request: WatchCreateRequest;
  readonly from: number;
  created: boolean;
  ended: "no" | "compacted" | "cancelled";
  readonly events: string[];
  lastMain: number;
}

const froms = ["a", "ab", "b", "c", "d\xff", "", "e"];
const ends = ["", "", "\0", "c", "z"];

export class WatchChecker {
  private readonly rig: Rig;
  private readonly model: Model;
  private readonly random: Random;
  private readonly sessions: WatchSession[] = [];
  private readonly followed: Followed[] = [];

  constructor(rig: Rig, model: Model, random: Random) {
    this.rig = rig;
    this.model = model;
    this.random = random;
  }

  /** Opens, reads, cancels or waits. */
  async act(): Promise<void> {
    const { random } = this;
    const kind = random.below(6);
    if (kind < 2) this.create();
    else if (kind < 4) this.drain(random.below(6));
    else if (kind === 4) await turns(random.below(8));
    else if (random.chance(0.2)) this.cancel();
  }

  private create(): void {
    const { random, model } = this;
    if (this.sessions.length < 3) this.sessions.push(this.rig.hub.openWatch(() => {}));
    const session = this.sessions[random.below(this.sessions.length)]!;
    const id = 1000 + this.followed.length;
    const request = WatchCreateRequest.fromPartial({
      key: Buffer.from(froms[random.below(froms.length)]!, "latin1"),
      rangeEnd: Buffer.from(ends[random.below(ends.length)]!, "latin1"),
      startRevision: random.chance(0.4) ? 0 : 1 + random.below(model.revision + 4),
      prevKv: random.chance(0.5),
      filters: random.chance(0.2) ? [random.below(2) as 0 | 1] : [],
      watchId: id,
    });
    const key = request.key.length === 0 ? "\0" : latin1(request.key);
    const end = latin1(request.rangeEnd);
    if (end !== "" && end !== "\0" && end <= key) return;
    const from = request.startRevision === 0 ? model.revision + 1 : request.startRevision;
    this.followed.push({
      session,
      id,
      request,
      from,
      created: false,
      ended: "no",
      events: [],
      lastMain: 0,
    });
    session.request({ requestUnion: { $case: "createRequest", value: request } });
  }

  private cancel(): void {
    const one = this.followed[this.random.below(this.followed.length || 1)];
    if (one === undefined || one.ended !== "no") return;
    one.session.request({ requestUnion: { $case: "cancelRequest", value: { watchId: one.id } } });
  }

  private drain(max: number): number {
    let read = 0;
    for (const session of this.sessions) {
      for (let i = 0; i < max; i++) {
        const response = session.next();
        if (response === undefined) break;
        read++;
        this.take(session, response);
      }
    }
    return read;
  }

  private take(session: WatchSession, response: WatchResponse): void {
    const one = this.followed.find(
      (each) => each.session === session && each.id === response.watchId,
    );
    assert(one !== undefined, "a response for no watch");
    assert.equal(one.ended, "no", "a response after the end");
    assert.equal(one.created, !response.created, "created comes first, and once");
    one.created = true;
    if (response.canceled) {
      one.ended = response.compactRevision > 0 ? "compacted" : "cancelled";
      if (response.compactRevision > 0) {
        assert.equal(response.header?.revision, 0);
        assert(one.from < response.compactRevision, "cancelled without need");
        assert(response.compactRevision <= this.model.compactRevision);
      }
      return;
    }
    if (response.events.length > 0) {
      const first = response.events[0]!.kv!.modRevision;
      assert(first > one.lastMain, "a revision was split or came twice");
    }
    for (const { type, kv, prevKv } of response.events) {
      assert(kv !== undefined && kv.modRevision >= one.lastMain, "events out of order");
      one.lastMain = kv.modRevision;
      assert(response.header!.revision >= kv.modRevision);
      one.events.push(`${type} ${describe(kv)}`);
      this.checkPrevious(one, type, kv, prevKv);
    }
  }

  private checkPrevious(
    one: Followed,
    type: number,
    kv: KeyValue,
    prevKv: KeyValue | undefined,
  ): void {
    const { model } = this;
    const before = model.at(kv.modRevision - 1).get(latin1(kv.key));
    const wanted = one.request.prevKv && !(type === 0 && kv.createRevision === kv.modRevision);
    if (!wanted || before === undefined) {
      assert.equal(
        prevKv,
        undefined,
        `a previous pair that nobody wants: ${type} ${describe(kv)} of watch ${JSON.stringify(one.request)}`,
      );
    } else if (prevKv === undefined) {
      assert(kv.modRevision - 1 < model.compactRevision, "a previous pair is missing");
    } else {
      assert.equal(
        describe(prevKv),
        `${before.key} ${before.value} ${before.create} ${before.mod} ${before.version} ${before.lease}`,
      );
    }
  }

  /** Lets all catch up, and holds each watch's events against the model's history. */
  async finish(): Promise<void> {
    await this.rig.flush();
    for (let idle = 0; idle < 4; idle++) {
      await turns(10);
      if (this.drain(1_000_000) > 0) idle = 0;
    }
    for (const one of this.followed) {
      assert(one.created, "a watch was never answered");
      const expected = this.expected(one);
      const got = one.ended === "no" ? expected : expected.slice(0, one.events.length);
      assert.deepEqual(one.events, got, `watch ${JSON.stringify(one.request)} from ${one.from}`);
    }
  }

  private expected({ request, from }: Followed): string[] {
    const key = request.key.length === 0 ? "\0" : latin1(request.key);
    const end = latin1(request.rangeEnd);
    return this.model.changes
      .filter(({ main, key: at, pair }) => {
        if (main < from) return false;
        if (request.filters.includes(pair === undefined ? 1 : 0)) return false;
        return end === "" ? at === key : at >= key && (end === "\0" || at < end);
      })
      .map(({ main, key: at, pair }) =>
        pair === undefined
          ? `1 ${at}  0 ${main} 0 0`
          : `0 ${at} ${pair.value} ${pair.create} ${pair.mod} ${pair.version} ${pair.lease}`,
      );
  }
}

function describe(kv: KeyValue): string {
  const { createRevision, modRevision, version, lease } = kv;
  return `${latin1(kv.key)} ${latin1(kv.value)} ${createRevision} ${modRevision} ${version} ${lease}`;
}
