import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { ConfChange, ConfChangeType, type Entry, EntryType } from "#proto/gen/raft.ts";
import { forcedLog } from "#server/node/force-new-cluster.ts";

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } =
  ConfChangeType;

type Step = readonly [type: ConfChangeType, nodeId: bigint] | "write";

function logOf(from: number, ...steps: Step[]): Entry[] {
  return steps.map((step, i) => {
    const place = { term: 2, index: from + i };
    if (step === "write") return { ...place, type: EntryType.EntryNormal, data: utf8("x") };
    const change = { id: 0n, type: step[0], nodeId: step[1], context: utf8("{}") };
    return { ...place, type: EntryType.EntryConfChange, data: ConfChange.encode(change).finish() };
  });
}

const mark = (index: number, voters: readonly bigint[], learners: readonly bigint[] = []) => ({
  index,
  term: 1,
  confState: {
    voters: [...voters],
    learners: [...learners],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
});

interface Case {
  readonly what: string;
  readonly snapshot: ReturnType<typeof mark>;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly applied?: number;
  /** What is added: "-3" removes member 3, "+1" promotes. */
  readonly want: readonly string[] | undefined;
}

const cases: readonly Case[] = [
  {
    what: "from the beginning of a log; a tail that is not known to be committed stays",
    snapshot: mark(0, []),
    entries: logOf(
      1,
      [ConfChangeAddNode, 1n],
      [ConfChangeAddNode, 2n],
      [ConfChangeAddNode, 3n],
      "write",
      "write",
    ),
    commit: 4,
    want: ["6 -2", "7 -3"],
  },
  {
    what: "what the state holds was committed, even if the log does not know it",
    snapshot: mark(0, []),
    entries: logOf(1, [ConfChangeAddNode, 1n], [ConfChangeAddNode, 2n], "write", "write"),
    commit: 2,
    applied: 3,
    want: ["5 -2"],
  },
  {
    what: "behind a snapshot: later changes count",
    snapshot: mark(10, [1n, 2n, 3n], [4n]),
    entries: logOf(
      11,
      [ConfChangeRemoveNode, 2n],
      [ConfChangeAddLearnerNode, 5n],
      [ConfChangeUpdateNode, 3n],
      "write",
    ),
    commit: 14,
    want: ["15 -3", "16 -4", "17 -5"],
  },
  {
    what: "its own removal does not count while it may not have been committed",
    snapshot: mark(10, [1n, 2n]),
    entries: logOf(11, "write", [ConfChangeRemoveNode, 1n], "write"),
    commit: 11,
    want: ["12 -2"],
  },
  {
    what: "other changes of the tail count",
    snapshot: mark(10, [1n, 2n]),
    entries: logOf(11, "write", [ConfChangeAddNode, 3n]),
    commit: 11,
    want: ["13 -2", "14 -3"],
  },
  {
    what: "a learner is promoted before the last voter goes",
    snapshot: mark(10, [2n], [1n]),
    entries: [],
    commit: 10,
    want: ["11 +1", "12 -2"],
  },
  {
    what: "alone already",
    snapshot: mark(10, [1n]),
    entries: logOf(11, "write"),
    commit: 10,
    want: undefined,
  },
];

for (const { applied = 0, commit, entries, snapshot, want, what } of cases) {
  test(`force-new-cluster: ${what}`, () => {
    const hardState = { term: 2, vote: 3n, commit };
    const forced = forcedLog(
      { snapshot, entries: [...entries], hardState },
      applied,
      1n as MemberId,
    );
    const shown = forced?.added.map((entry) => {
      assert.equal(entry.term, 2);
      assert.equal(entry.type, EntryType.EntryConfChange);
      const { context, nodeId, type } = ConfChange.decode(entry.data);
      if (type === ConfChangeRemoveNode) return `${entry.index} -${nodeId}`;
      assert.equal(type, ConfChangeAddNode);
      assert.equal(Buffer.from(context).toString(), '{"id":1,"peerURLs":null,"isPromote":true}');
      return `${entry.index} +${nodeId}`;
    });
    assert.deepEqual(shown, want);
    if (forced === undefined) return;
    const last = forced.added.at(-1)!.index;
    assert.deepEqual(forced.hardState, { term: 2, vote: 3n, commit: last });
    // Without gaps from the mark on.
    const indexes = forced.entries.map((entry) => entry.index);
    assert.deepEqual(
      indexes,
      Array.from({ length: last - snapshot.index }, (_, i) => snapshot.index + 1 + i),
    );
  });
}

test("force-new-cluster: a member that was removed is no cluster", () => {
  const contents = {
    snapshot: mark(10, [1n, 2n]),
    entries: logOf(11, [ConfChangeRemoveNode, 1n]),
    hardState: { term: 2, vote: 0n, commit: 11 },
  };
  assert.throws(() => forcedLog(contents, 0, 1n as MemberId), { code: "NOT_A_MEMBER" });
});
