// Made from proto/etcd/raft.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "raftpb";

export const protobufFileName = "etcd/raft.proto";

/** Raft's log entries, messages and configuration, as they cross the peer wire and lie in the log. */

export const EntryType = { EntryNormal: 0, EntryConfChange: 1, EntryConfChangeV2: 2 } as const;

export type EntryType = typeof EntryType[keyof typeof EntryType];

export namespace EntryType {
  export type EntryNormal = typeof EntryType.EntryNormal;
  export type EntryConfChange = typeof EntryType.EntryConfChange;
  export type EntryConfChangeV2 = typeof EntryType.EntryConfChangeV2;
}

export const MessageType = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
  MsgForgetLeader: 23,
} as const;

export type MessageType = typeof MessageType[keyof typeof MessageType];

export namespace MessageType {
  export type MsgHup = typeof MessageType.MsgHup;
  export type MsgBeat = typeof MessageType.MsgBeat;
  export type MsgProp = typeof MessageType.MsgProp;
  export type MsgApp = typeof MessageType.MsgApp;
  export type MsgAppResp = typeof MessageType.MsgAppResp;
  export type MsgVote = typeof MessageType.MsgVote;
  export type MsgVoteResp = typeof MessageType.MsgVoteResp;
  export type MsgSnap = typeof MessageType.MsgSnap;
  export type MsgHeartbeat = typeof MessageType.MsgHeartbeat;
  export type MsgHeartbeatResp = typeof MessageType.MsgHeartbeatResp;
  export type MsgUnreachable = typeof MessageType.MsgUnreachable;
  export type MsgSnapStatus = typeof MessageType.MsgSnapStatus;
  export type MsgCheckQuorum = typeof MessageType.MsgCheckQuorum;
  export type MsgTransferLeader = typeof MessageType.MsgTransferLeader;
  export type MsgTimeoutNow = typeof MessageType.MsgTimeoutNow;
  export type MsgReadIndex = typeof MessageType.MsgReadIndex;
  export type MsgReadIndexResp = typeof MessageType.MsgReadIndexResp;
  export type MsgPreVote = typeof MessageType.MsgPreVote;
  export type MsgPreVoteResp = typeof MessageType.MsgPreVoteResp;
  export type MsgStorageAppend = typeof MessageType.MsgStorageAppend;
  export type MsgStorageAppendResp = typeof MessageType.MsgStorageAppendResp;
  export type MsgStorageApply = typeof MessageType.MsgStorageApply;
  export type MsgStorageApplyResp = typeof MessageType.MsgStorageApplyResp;
  export type MsgForgetLeader = typeof MessageType.MsgForgetLeader;
}

export const ConfChangeTransition = {
  ConfChangeTransitionAuto: 0,
  ConfChangeTransitionJointImplicit: 1,
  ConfChangeTransitionJointExplicit: 2,
} as const;

export type ConfChangeTransition = typeof ConfChangeTransition[keyof typeof ConfChangeTransition];

export namespace ConfChangeTransition {
  export type ConfChangeTransitionAuto = typeof ConfChangeTransition.ConfChangeTransitionAuto;
  export type ConfChangeTransitionJointImplicit = typeof ConfChangeTransition.ConfChangeTransitionJointImplicit;
  export type ConfChangeTransitionJointExplicit = typeof ConfChangeTransition.ConfChangeTransitionJointExplicit;
}

export const ConfChangeType = {
  ConfChangeAddNode: 0,
  ConfChangeRemoveNode: 1,
  ConfChangeUpdateNode: 2,
  ConfChangeAddLearnerNode: 3,
} as const;

export type ConfChangeType = typeof ConfChangeType[keyof typeof ConfChangeType];

export namespace ConfChangeType {
  export type ConfChangeAddNode = typeof ConfChangeType.ConfChangeAddNode;
  export type ConfChangeRemoveNode = typeof ConfChangeType.ConfChangeRemoveNode;
  export type ConfChangeUpdateNode = typeof ConfChangeType.ConfChangeUpdateNode;
  export type ConfChangeAddLearnerNode = typeof ConfChangeType.ConfChangeAddLearnerNode;
}

export interface Entry {
  type: EntryType;
  term: number;
  index: number;
  data: Uint8Array;
}

export interface SnapshotMetadata {
  confState: ConfState | undefined;
  index: number;
  term: number;
}

export interface Snapshot {
  data: Uint8Array;
  metadata: SnapshotMetadata | undefined;
}

export interface Message {
  type: MessageType;
  to: bigint;
  from: bigint;
  term: number;
  logTerm: number;
  index: number;
  entries: Entry[];
  commit: number;
  snapshot: Snapshot | undefined;
  reject: boolean;
  rejectHint: number;
  context: Uint8Array;
  vote: bigint;
  responses: Message[];
}

export interface HardState {
  term: number;
  vote: bigint;
  commit: number;
}

export interface ConfState {
  voters: bigint[];
  learners: bigint[];
  votersOutgoing: bigint[];
  learnersNext: bigint[];
  autoLeave: boolean;
}

export interface ConfChange {
  id: bigint;
  type: ConfChangeType;
  nodeId: bigint;
  context: Uint8Array;
}

export interface ConfChangeSingle {
  type: ConfChangeType;
  nodeId: bigint;
}

export interface ConfChangeV2 {
  transition: ConfChangeTransition;
  changes: ConfChangeSingle[];
  context: Uint8Array;
}

function createBaseEntry(): Entry {
  return { type: 0, term: 0, index: 0, data: emptyBytes };
}

export const Entry: MessageFns<Entry> = {
  encode(message: Entry, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== 0) {
      writer.uint32(8).int32(message.type);
    }
    if (message.term !== 0) {
      writer.uint32(16).uint64(message.term);
    }
    if (message.index !== 0) {
      writer.uint32(24).uint64(message.index);
    }
    if (message.data.length !== 0) {
      writer.uint32(34).bytes(message.data);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Entry {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEntry();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.type = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.term = reader.uint64Number();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.index = reader.uint64Number();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<Entry>): Entry {
    return Entry.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Entry>): Entry {
    const message = createBaseEntry();
    message.type = object.type ?? 0;
    message.term = object.term ?? 0;
    message.index = object.index ?? 0;
    message.data = object.data ?? emptyBytes;
    return message;
  },
};

function createBaseSnapshotMetadata(): SnapshotMetadata {
  return { confState: undefined, index: 0, term: 0 };
}

export const SnapshotMetadata: MessageFns<SnapshotMetadata> = {
  encode(message: SnapshotMetadata, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.confState !== undefined) {
      ConfState.encode(message.confState, writer.uint32(10).fork()).join();
    }
    if (message.index !== 0) {
      writer.uint32(16).uint64(message.index);
    }
    if (message.term !== 0) {
      writer.uint32(24).uint64(message.term);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SnapshotMetadata {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSnapshotMetadata();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.confState = ConfState.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.index = reader.uint64Number();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.term = reader.uint64Number();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<SnapshotMetadata>): SnapshotMetadata {
    return SnapshotMetadata.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<SnapshotMetadata>): SnapshotMetadata {
    const message = createBaseSnapshotMetadata();
    message.confState = (object.confState !== undefined && object.confState !== null)
      ? ConfState.fromPartial(object.confState)
      : undefined;
    message.index = object.index ?? 0;
    message.term = object.term ?? 0;
    return message;
  },
};

function createBaseSnapshot(): Snapshot {
  return { data: emptyBytes, metadata: undefined };
}

export const Snapshot: MessageFns<Snapshot> = {
  encode(message: Snapshot, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.data.length !== 0) {
      writer.uint32(10).bytes(message.data);
    }
    if (message.metadata !== undefined) {
      SnapshotMetadata.encode(message.metadata, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Snapshot {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSnapshot();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.data = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.metadata = SnapshotMetadata.decode(reader, reader.size());
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<Snapshot>): Snapshot {
    return Snapshot.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Snapshot>): Snapshot {
    const message = createBaseSnapshot();
    message.data = object.data ?? emptyBytes;
    message.metadata = (object.metadata !== undefined && object.metadata !== null)
      ? SnapshotMetadata.fromPartial(object.metadata)
      : undefined;
    return message;
  },
};

function createBaseMessage(): Message {
  return {
    type: 0,
    to: 0n,
    from: 0n,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: emptyBytes,
    vote: 0n,
    responses: [],
  };
}

export const Message: MessageFns<Message> = {
  encode(message: Message, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== 0) {
      writer.uint32(8).int32(message.type);
    }
    if (message.to !== 0n) {
      writer.uint32(16).uint64(message.to);
    }
    if (message.from !== 0n) {
      writer.uint32(24).uint64(message.from);
    }
    if (message.term !== 0) {
      writer.uint32(32).uint64(message.term);
    }
    if (message.logTerm !== 0) {
      writer.uint32(40).uint64(message.logTerm);
    }
    if (message.index !== 0) {
      writer.uint32(48).uint64(message.index);
    }
    for (const v of message.entries) {
      Entry.encode(v!, writer.uint32(58).fork()).join();
    }
    if (message.commit !== 0) {
      writer.uint32(64).uint64(message.commit);
    }
    if (message.snapshot !== undefined) {
      Snapshot.encode(message.snapshot, writer.uint32(74).fork()).join();
    }
    if (message.reject !== false) {
      writer.uint32(80).bool(message.reject);
    }
    if (message.rejectHint !== 0) {
      writer.uint32(88).uint64(message.rejectHint);
    }
    if (message.context.length !== 0) {
      writer.uint32(98).bytes(message.context);
    }
    if (message.vote !== 0n) {
      writer.uint32(104).uint64(message.vote);
    }
    for (const v of message.responses) {
      Message.encode(v!, writer.uint32(114).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Message {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMessage();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.type = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.to = reader.uint64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.from = reader.uint64();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.term = reader.uint64Number();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.logTerm = reader.uint64Number();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.index = reader.uint64Number();
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.entries.push(Entry.decode(reader, reader.size()));
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.commit = reader.uint64Number();
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.snapshot = Snapshot.decode(reader, reader.size());
            continue;
          }
          case 10: {
            if (tag !== 80) {
              break;
            }

            message.reject = reader.bool();
            continue;
          }
          case 11: {
            if (tag !== 88) {
              break;
            }

            message.rejectHint = reader.uint64Number();
            continue;
          }
          case 12: {
            if (tag !== 98) {
              break;
            }

            message.context = reader.bytes();
            continue;
          }
          case 13: {
            if (tag !== 104) {
              break;
            }

            message.vote = reader.uint64();
            continue;
          }
          case 14: {
            if (tag !== 114) {
              break;
            }

            message.responses.push(Message.decode(reader, reader.size()));
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<Message>): Message {
    return Message.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Message>): Message {
    const message = createBaseMessage();
    message.type = object.type ?? 0;
    message.to = (object.to !== undefined && object.to !== null) ? BigInt(object.to) : 0n;
    message.from = (object.from !== undefined && object.from !== null) ? BigInt(object.from) : 0n;
    message.term = object.term ?? 0;
    message.logTerm = object.logTerm ?? 0;
    message.index = object.index ?? 0;
    message.entries = object.entries?.map((e) => Entry.fromPartial(e)) || [];
    message.commit = object.commit ?? 0;
    message.snapshot = (object.snapshot !== undefined && object.snapshot !== null)
      ? Snapshot.fromPartial(object.snapshot)
      : undefined;
    message.reject = object.reject ?? false;
    message.rejectHint = object.rejectHint ?? 0;
    message.context = object.context ?? emptyBytes;
    message.vote = (object.vote !== undefined && object.vote !== null) ? BigInt(object.vote) : 0n;
    message.responses = object.responses?.map((e) => Message.fromPartial(e)) || [];
    return message;
  },
};

function createBaseHardState(): HardState {
  return { term: 0, vote: 0n, commit: 0 };
}

export const HardState: MessageFns<HardState> = {
  encode(message: HardState, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.term !== 0) {
      writer.uint32(8).uint64(message.term);
    }
    if (message.vote !== 0n) {
      writer.uint32(16).uint64(message.vote);
    }
    if (message.commit !== 0) {
      writer.uint32(24).uint64(message.commit);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HardState {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHardState();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.term = reader.uint64Number();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.vote = reader.uint64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.commit = reader.uint64Number();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<HardState>): HardState {
    return HardState.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<HardState>): HardState {
    const message = createBaseHardState();
    message.term = object.term ?? 0;
    message.vote = (object.vote !== undefined && object.vote !== null) ? BigInt(object.vote) : 0n;
    message.commit = object.commit ?? 0;
    return message;
  },
};

function createBaseConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

export const ConfState: MessageFns<ConfState> = {
  encode(message: ConfState, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.voters) {
      writer.uint32(8).uint64(v!);
    }
    for (const v of message.learners) {
      writer.uint32(16).uint64(v!);
    }
    for (const v of message.votersOutgoing) {
      writer.uint32(24).uint64(v!);
    }
    for (const v of message.learnersNext) {
      writer.uint32(32).uint64(v!);
    }
    if (message.autoLeave !== false) {
      writer.uint32(40).bool(message.autoLeave);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfState {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfState();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag === 8) {
              message.voters.push(reader.uint64());

              continue;
            }

            if (tag === 10) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.voters.push(reader.uint64());
              }
              reader.endAt(end2);

              continue;
            }

            break;
          }
          case 2: {
            if (tag === 16) {
              message.learners.push(reader.uint64());

              continue;
            }

            if (tag === 18) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.learners.push(reader.uint64());
              }
              reader.endAt(end2);

              continue;
            }

            break;
          }
          case 3: {
            if (tag === 24) {
              message.votersOutgoing.push(reader.uint64());

              continue;
            }

            if (tag === 26) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.votersOutgoing.push(reader.uint64());
              }
              reader.endAt(end2);

              continue;
            }

            break;
          }
          case 4: {
            if (tag === 32) {
              message.learnersNext.push(reader.uint64());

              continue;
            }

            if (tag === 34) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.learnersNext.push(reader.uint64());
              }
              reader.endAt(end2);

              continue;
            }

            break;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.autoLeave = reader.bool();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<ConfState>): ConfState {
    return ConfState.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ConfState>): ConfState {
    const message = createBaseConfState();
    message.voters = object.voters?.map((e) => BigInt(e)) || [];
    message.learners = object.learners?.map((e) => BigInt(e)) || [];
    message.votersOutgoing = object.votersOutgoing?.map((e) => BigInt(e)) || [];
    message.learnersNext = object.learnersNext?.map((e) => BigInt(e)) || [];
    message.autoLeave = object.autoLeave ?? false;
    return message;
  },
};

function createBaseConfChange(): ConfChange {
  return { id: 0n, type: 0, nodeId: 0n, context: emptyBytes };
}

export const ConfChange: MessageFns<ConfChange> = {
  encode(message: ConfChange, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.id !== 0n) {
      writer.uint32(8).uint64(message.id);
    }
    if (message.type !== 0) {
      writer.uint32(16).int32(message.type);
    }
    if (message.nodeId !== 0n) {
      writer.uint32(24).uint64(message.nodeId);
    }
    if (message.context.length !== 0) {
      writer.uint32(34).bytes(message.context);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfChange {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfChange();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.id = reader.uint64();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.type = reader.int32() as never;
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.nodeId = reader.uint64();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.context = reader.bytes();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<ConfChange>): ConfChange {
    return ConfChange.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ConfChange>): ConfChange {
    const message = createBaseConfChange();
    message.id = (object.id !== undefined && object.id !== null) ? BigInt(object.id) : 0n;
    message.type = object.type ?? 0;
    message.nodeId = (object.nodeId !== undefined && object.nodeId !== null) ? BigInt(object.nodeId) : 0n;
    message.context = object.context ?? emptyBytes;
    return message;
  },
};

function createBaseConfChangeSingle(): ConfChangeSingle {
  return { type: 0, nodeId: 0n };
}

export const ConfChangeSingle: MessageFns<ConfChangeSingle> = {
  encode(message: ConfChangeSingle, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== 0) {
      writer.uint32(8).int32(message.type);
    }
    if (message.nodeId !== 0n) {
      writer.uint32(16).uint64(message.nodeId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfChangeSingle {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfChangeSingle();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.type = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.nodeId = reader.uint64();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<ConfChangeSingle>): ConfChangeSingle {
    return ConfChangeSingle.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ConfChangeSingle>): ConfChangeSingle {
    const message = createBaseConfChangeSingle();
    message.type = object.type ?? 0;
    message.nodeId = (object.nodeId !== undefined && object.nodeId !== null) ? BigInt(object.nodeId) : 0n;
    return message;
  },
};

function createBaseConfChangeV2(): ConfChangeV2 {
  return { transition: 0, changes: [], context: emptyBytes };
}

export const ConfChangeV2: MessageFns<ConfChangeV2> = {
  encode(message: ConfChangeV2, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.transition !== 0) {
      writer.uint32(8).int32(message.transition);
    }
    for (const v of message.changes) {
      ConfChangeSingle.encode(v!, writer.uint32(18).fork()).join();
    }
    if (message.context.length !== 0) {
      writer.uint32(26).bytes(message.context);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ConfChangeV2 {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseConfChangeV2();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.transition = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.changes.push(ConfChangeSingle.decode(reader, reader.size()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.context = reader.bytes();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<ConfChangeV2>): ConfChangeV2 {
    return ConfChangeV2.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ConfChangeV2>): ConfChangeV2 {
    const message = createBaseConfChangeV2();
    message.transition = object.transition ?? 0;
    message.changes = object.changes?.map((e) => ConfChangeSingle.fromPartial(e)) || [];
    message.context = object.context ?? emptyBytes;
    return message;
  },
};

type Builtin = Date | Function | Uint8Array | string | number | boolean | bigint | undefined;

export type DeepPartial<T> = T extends bigint ? string | number | bigint
  : T extends Builtin ? T : T extends globalThis.Array<infer U> ? globalThis.Array<DeepPartial<U>>
  : T extends ReadonlyArray<infer U> ? ReadonlyArray<DeepPartial<U>>
  : T extends { $case: string; value: unknown } ? { $case: T["$case"]; value?: DeepPartial<T["value"]> }
  : T extends {} ? { [K in keyof T]?: DeepPartial<T[K]> }
  : Partial<T>;

export interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  create(base?: DeepPartial<T>): T;
  fromPartial(object: DeepPartial<T>): T;
}
