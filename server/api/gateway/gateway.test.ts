// What the gateway holds of requests under way is bounded over all connections together.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { systemClock } from "#base/system-clock.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { ServiceRegistry } from "#server/rpc/service-registry.ts";
import type { AnswerSink } from "./call.ts";
import { Gateway } from "./gateway.ts";

function asking(maxUnfinished: number) {
  const registry = new ServiceRegistry();
  registry.add({
    path: "/etcdserverpb.KV/Put",
    requestStream: false,
    responseStream: false,
    handle: (_request, responder) => responder.reply(Buffer.alloc(0)),
  });
  registry.add({
    path: "/etcdserverpb.Watch/Watch",
    requestStream: true,
    responseStream: true,
    open: (responder) => ({ message() {}, end: () => responder.end() }),
  });
  const unfinished = new UnfinishedBytes(maxUnfinished);
  const gateway = new Gateway({
    registry,
    clock: systemClock,
    maxReceiveBytes: 1 << 20,
    unfinished,
  });
  const ask = (path: string) => {
    const answer = { status: 0, text: "", ended: false };
    const sink: AnswerSink = {
      get headersSent() {
        return answer.status !== 0;
      },
      setHeader() {},
      begin(status) {
        answer.status = status;
      },
      write(text) {
        answer.text += text;
        return true;
      },
      end() {
        answer.ended = true;
      },
    };
    let push = (_bytes: Buffer): void => {};
    let end = (): void => {};
    const read = (onChunk: (bytes: Buffer) => void, onEnd: () => void): void => {
      push = onChunk;
      end = onEnd;
    };
    const call = gateway.ask(
      path,
      { method: "POST", headers: {}, peer: "", read, hold() {} },
      sink,
    );
    return {
      answer,
      call: call!,
      push: (text: string) => push(Buffer.from(text)),
      end: () => end(),
    };
  };
  return { ask, unfinished };
}

const half = `{"key":"${"A".repeat(600)}`;

for (const path of ["kv/put", "watch"]) {
  test(`${path}: one request too many is refused, the others go on`, () => {
    const { ask, unfinished } = asking(1500);
    const first = ask(`/v3/${path}`);
    const second = ask(`/v3/${path}`);
    const third = ask(`/v3/${path}`);
    for (const one of [first, second, third]) one.push(half);
    assert.equal(unfinished.held, 2 * half.length);
    assert.equal(third.answer.status, 429);
    assert.match(third.answer.text, /more than 1500 bytes of unfinished messages.*try again later/);
    assert.ok(third.answer.ended);
    second.call.gone();
    first.push('"}');
    first.end();
    assert.deepEqual([first.answer.status === 429, first.answer.ended], [false, true]);
    assert.equal(unfinished.held, 0);
  });

  test(`${path}: what a client leaves behind that goes away no longer counts`, () => {
    const { ask, unfinished } = asking(1500);
    const first = ask(`/v3/${path}`);
    first.push(half);
    assert.ok(unfinished.held >= half.length);
    first.call.gone();
    assert.equal(unfinished.held, 0);
    first.push(half);
    assert.equal(unfinished.held, 0);
  });
}
