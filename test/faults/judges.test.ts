// The judges of watches and locks reject what they must, and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { Event, Event_EventType as EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import { judgeLock } from "./lock-judge.ts";
import { expectationOf, judgeWatch, type WatchedRange, WatchTape } from "./watch-judge.ts";

const put = (revision: number, key: string, value: string, parts: Partial<KeyValue> = {}): Event =>
  Event.fromPartial({
    type: EventType.PUT,
    kv: {
      key: utf8(key),
      value: utf8(value),
      createRevision: revision,
      modRevision: revision,
      version: 1,
      ...parts,
    },
  });
const gone = (revision: number, key: string): Event =>
  Event.fromPartial({ type: EventType.DELETE, kv: { key: utf8(key), modRevision: revision } });

// Revisions 2 to 6; revision 4 holds two events.
const a2 = put(2, "a", "1");
const b3 = put(3, "b", "1");
const a4 = put(4, "a", "2", { createRevision: 2, version: 2 });
const b4 = put(4, "b", "2", { createRevision: 3, version: 2 });
const a5 = gone(5, "a");
const b6 = put(6, "b", "3", { createRevision: 3, version: 3 });
const history = [[a2], [b3], [a4, b4], [a5], [b6]];
const all: WatchedRange = { from: "", to: undefined };
const onlyA: WatchedRange = { from: "a", to: "b" };

const withPrevious = (event: Event, prevKv: KeyValue): Event => ({ ...event, prevKv });

const tapes: readonly {
  readonly about: string;
  readonly range?: WatchedRange;
  readonly wantsPrevious?: boolean;
  readonly compactRevision?: number;
  readonly write: (tape: WatchTape) => void;
  /** What the verdict says; none for a tape without a fault. */
  readonly fault?: RegExp;
}[] = [
  {
    about: "everything in order",
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.response([b3], 6);
      tape.progress(3);
      tape.response([a4, b4, a5], 6);
      tape.resume(6);
      tape.response([b6], 6);
      tape.progress(6);
    },
  },
  {
    about: "a range sees only its own",
    range: onlyA,
    write: (tape) => {
      tape.restart(3);
      tape.response([a4], 4);
      tape.response([a5], 5);
    },
  },
  {
    about: "an event is missing",
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.response([a4, b4], 4);
    },
    fault: /no event of revision 3 came before revision 4/,
  },
  {
    about: "half a revision is missing",
    write: (tape) => {
      tape.restart(4);
      tape.response([b4], 4);
    },
    fault: /event of revision 4 is another/,
  },
  {
    about: "an event comes twice",
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.response([a2], 2);
    },
    fault: /revision 2 came again or late: 3 was due/,
  },
  {
    about: "events come out of order",
    write: (tape) => {
      tape.restart(2);
      tape.response([b3, a2], 3);
    },
    fault: /no event of revision 2 came before revision 3/,
  },
  {
    about: "a revision is split over two responses",
    write: (tape) => {
      tape.restart(4);
      tape.response([a4], 4);
      tape.response([b4], 4);
    },
    fault: /revision 4 came in two responses/,
  },
  {
    about: "progress runs ahead",
    write: (tape) => {
      tape.restart(2);
      tape.progress(2);
      tape.response([a2], 2);
    },
    fault: /progress 2 came before the event of revision 2/,
  },
  {
    about: "a reconnect skips an event",
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.resume(4);
    },
    fault: /went on from 4, while revision 3 was due/,
  },
  {
    about: "a reconnect where progress was promised",
    range: onlyA,
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.progress(3);
      tape.resume(4);
      tape.response([a4], 4);
    },
  },
  {
    about: "cancelled for compaction, and on from there",
    write: (tape) => {
      tape.restart(2);
      tape.compacted(5);
      tape.restart(5);
      tape.response([a5], 5);
    },
  },
  {
    about: "cancelled for a compaction that does not concern it",
    write: (tape) => {
      tape.restart(5);
      tape.compacted(5);
    },
    fault: /cancelled for compaction at 5, having asked from 5/,
  },
  {
    about: "a header older than its events",
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 1);
    },
    fault: /response of revision 1 holds an event of revision 2/,
  },
  {
    about: "another value",
    write: (tape) => {
      tape.restart(2);
      tape.response([put(2, "a", "other")], 2);
    },
    fault: /event of revision 2 is another/,
  },
  {
    about: "an event that never was",
    write: (tape) => {
      tape.restart(6);
      tape.response([b6], 6);
      tape.response([put(6, "c", "")], 6);
    },
    fault: /an event of revision 6 that history has not/,
  },
  {
    about: "pairs before, as asked for",
    wantsPrevious: true,
    write: (tape) => {
      tape.restart(2);
      tape.response([a2], 2);
      tape.response([b3], 3);
      tape.response([withPrevious(a4, a2.kv!), withPrevious(b4, b3.kv!)], 4);
      tape.response([withPrevious(a5, a4.kv!)], 5);
    },
  },
  {
    about: "a pair before is missing",
    wantsPrevious: true,
    write: (tape) => {
      tape.restart(5);
      tape.response([a5], 5);
    },
    fault: /event of revision 5 is another/,
  },
  {
    about: "a pair before is missing, for it was compacted",
    wantsPrevious: true,
    compactRevision: 5,
    write: (tape) => {
      tape.restart(5);
      tape.response([a5], 5);
    },
  },
];

for (const { about, range, wantsPrevious, compactRevision, write, fault } of tapes) {
  test(`a watch is judged: ${about}`, () => {
    const tape = new WatchTape();
    write(tape);
    const verdict = judgeWatch(tape, {
      expectation: expectationOf(history, range ?? all),
      wantsPrevious: wantsPrevious ?? false,
      newest: 6,
      compactRevision: compactRevision ?? 0,
    });
    if (fault === undefined) assert.equal(verdict, undefined);
    else assert.match(verdict ?? "no fault", fault);
  });
}

const locked = [put(2, "lock", "t0"), put(3, "fenced", "t0@2"), gone(4, "lock")];
const locks: readonly {
  readonly about: string;
  readonly events: readonly Event[];
  readonly acquisitions: Parameters<typeof judgeLock>[1];
  readonly fault?: RegExp;
}[] = [
  {
    about: "one after the other",
    events: [...locked, put(5, "lock", "t1"), put(6, "fenced", "t1@5")],
    acquisitions: [
      { token: "t0", revision: 2 },
      { token: "t1", revision: 5 },
    ],
  },
  {
    about: "two at once",
    events: [put(2, "lock", "t0"), put(3, "lock", "t1")],
    acquisitions: [],
    fault: /at revision 3 the lock of 2 was given again/,
  },
  {
    about: "a former holder writes",
    events: [...locked, put(5, "lock", "t1"), put(6, "fenced", "t0@2")],
    acquisitions: [],
    fault: /at revision 6 t0@2 wrote what only t1@5 may/,
  },
  {
    about: "a holder who was told so and never was",
    events: locked,
    acquisitions: [{ token: "t9", revision: 3 }],
    fault: /t9 was given the lock at revision 3/,
  },
];

for (const { about, events, acquisitions, fault } of locks) {
  test(`a lock is judged: ${about}`, () => {
    const verdict = judgeLock(
      events.map((event) => [event]),
      acquisitions,
    );
    if (fault === undefined) assert.equal(verdict, undefined);
    else assert.match(verdict ?? "no fault", fault);
  });
}
