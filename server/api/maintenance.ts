// etcdserverpb.Maintenance. Alarms go through Raft, reading them too, as in etcd.
import { emptyBytes } from "#base/bytes.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequest,
  AlarmResponse,
  DefragmentRequest,
  DowngradeRequest_DowngradeAction as DowngradeAction,
  DowngradeRequest,
  DowngradeResponse,
  HashKVRequest,
  HashKVResponse,
  HashRequest,
  HashResponse,
  MoveLeaderRequest,
  SnapshotRequest,
  StatusRequest,
  StatusResponse,
} from "#proto/gen/maintenance.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import type { ApiMember } from "./member.ts";
import { singleRequest } from "./method-gate.ts";
import { sendSnapshot } from "./snapshot-stream.ts";

const service = "/etcdserverpb.Maintenance/";

/** One of each kind for more members than a cluster has; a client may name any ID. */
export const maxAlarms = 1024;

/** The methods of the Maintenance service. */
export function maintenanceMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, clock, member, gate, headers, serving } = context;
  return [
    singleRequest(gate, {
      path: `${service}Status`,
      decode: (bytes) => StatusRequest.decode(bytes),
      learnerMay: () => true,
      async run(_, responder) {
        await access.anyUser(responder);
        const response = member.status();
        return encodeAnswer(headers, StatusResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}HashKV`,
      decode: (bytes) => HashKVRequest.decode(bytes),
      async run(request, responder) {
        await access.admin(responder);
        const response = await member.hashKv(request.revision);
        return encodeAnswer(headers, HashKVResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}Alarm`,
      decode: (bytes) => AlarmRequest.decode(bytes),
      async run(request, responder) {
        const isQuestion = request.action === AlarmAction.GET;
        const who = await (isQuestion ? access.anyUser(responder) : access.admin(responder));
        // Every command is checked against those that are raised.
        const isOneMore = request.action === AlarmAction.ACTIVATE;
        if (isOneMore && member.alarms().length >= maxAlarms) throw etcdError("tooManyRequests");
        const response = await member.propose("alarm", request, who);
        return encodeAnswer(headers, AlarmResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}Defragment`,
      decode: (bytes) => DefragmentRequest.decode(bytes),
      async run(_, responder) {
        await access.admin(responder);
        const ended = serving.defragmenting();
        try {
          await member.defragment();
        } finally {
          ended();
        }
        // As in etcd, without a header.
        return emptyBytes;
      },
    }),
    singleRequest(gate, {
      path: `${service}MoveLeader`,
      decode: (bytes) => MoveLeaderRequest.decode(bytes),
      async run({ targetID }, responder) {
        await access.admin(responder);
        await member.moveLeader(targetID);
        // As in etcd, without a header.
        return emptyBytes;
      },
    }),
    singleRequest(gate, {
      path: `${service}Hash`,
      decode: (bytes) => HashRequest.decode(bytes),
      async run(_, responder) {
        await access.admin(responder);
        const response = await member.hash();
        return encodeAnswer(headers, HashResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}Snapshot`,
      responseStream: true,
      decode: (bytes) => SnapshotRequest.decode(bytes),
      learnerMay: () => true,
      async run(_, responder) {
        await access.admin(responder);
        await sendSnapshot(member, responder, clock);
        return undefined;
      },
    }),
    singleRequest(gate, {
      path: `${service}Downgrade`,
      decode: (bytes) => DowngradeRequest.decode(bytes),
      async run(request, responder) {
        await access.admin(responder);
        const response = { header: undefined, version: await downgrade(member, request) };
        return encodeAnswer(headers, DowngradeResponse, response, member.currentRevision());
      },
    }),
  ];
}

function downgrade({ downgrades }: ApiMember, request: DowngradeRequest): Promise<string> {
  switch (request.action) {
    case DowngradeAction.VALIDATE:
      return downgrades.validate(request.version);
    case DowngradeAction.ENABLE:
      return downgrades.enable(request.version);
    case DowngradeAction.CANCEL:
      return downgrades.cancel();
    default:
      throw new EtcdError(grpcCode.unknown, "etcdserver: unknown method");
  }
}
