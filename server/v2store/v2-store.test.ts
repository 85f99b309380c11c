import assert from "node:assert/strict";
import { test } from "node:test";
import type { V2Request } from "#proto/gen/extension.ts";
import { V2Error } from "./errors.ts";
import type { NodeView } from "./event-json.ts";
import { drain, nowMs, Rig } from "./testing/rig.ts";
import { V2Store } from "./v2-store.ts";
import type { Watcher } from "./watchers.ts";

test("each write is answered as by etcd", () => {
  const rig = new Rig();
  const table: readonly (readonly [string, string, Partial<V2Request>, string])[] = [
    [
      "PUT",
      "/a",
      { value: "1" },
      `{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}`,
    ],
    [
      "PUT",
      "/a",
      { value: "2" },
      `{"action":"set","node":{"key":"/a","value":"2","modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}`,
    ],
    [
      "PUT",
      "/a",
      { value: "3", prevExist: true },
      `{"action":"update","node":{"key":"/a","value":"3","modifiedIndex":6,"createdIndex":5},"prevNode":{"key":"/a","value":"2","modifiedIndex":5,"createdIndex":5}}`,
    ],
    [
      "PUT",
      "/a",
      { value: "4", prevValue: "x", prevIndex: 9n },
      `412 {"errorCode":101,"message":"Compare failed","cause":"[x != 3] [9 != 6]","index":6}`,
    ],
    [
      "PUT",
      "/a",
      { value: "4", prevIndex: 6n },
      `{"action":"compareAndSwap","node":{"key":"/a","value":"4","modifiedIndex":7,"createdIndex":5},"prevNode":{"key":"/a","value":"3","modifiedIndex":6,"createdIndex":5}}`,
    ],
    [
      "PUT",
      "/a",
      { prevExist: false, prevValue: "4" },
      `412 {"errorCode":105,"message":"Key already exists","cause":"/a","index":7}`,
    ],
    ["PUT", "/a/b", {}, `400 {"errorCode":104,"message":"Not a directory","cause":"/a","index":7}`],
    [
      "PUT",
      "/d",
      { dir: true },
      `{"action":"set","node":{"key":"/d","dir":true,"modifiedIndex":8,"createdIndex":8}}`,
    ],
    [
      "PUT",
      "/d",
      { value: "x" },
      `403 {"errorCode":102,"message":"Not a file","cause":"/d","index":8}`,
    ],
    [
      "PUT",
      "/d",
      { value: "x", prevExist: true },
      `403 {"errorCode":102,"message":"Not a file","cause":"/d","index":8}`,
    ],
    [
      "POST",
      "/d",
      { value: "q" },
      `{"action":"create","node":{"key":"/d/00000000000000000009","value":"q","modifiedIndex":9,"createdIndex":9}}`,
    ],
    ["DELETE", "/d", {}, `403 {"errorCode":102,"message":"Not a file","cause":"/d","index":9}`],
    [
      "DELETE",
      "/d",
      { dir: true },
      `403 {"errorCode":108,"message":"Directory not empty","cause":"/d","index":9}`,
    ],
    [
      "DELETE",
      "/d",
      { prevValue: "x" },
      `403 {"errorCode":102,"message":"Not a file","cause":"/d","index":9}`,
    ],
    [
      "DELETE",
      "/d",
      { recursive: true },
      `{"action":"delete","node":{"key":"/d","dir":true,"modifiedIndex":10,"createdIndex":8},"prevNode":{"key":"/d","dir":true,"modifiedIndex":8,"createdIndex":8}}`,
    ],
    [
      "DELETE",
      "/a",
      { prevValue: "4" },
      `{"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":11,"createdIndex":5},"prevNode":{"key":"/a","value":"4","modifiedIndex":7,"createdIndex":5}}`,
    ],
    [
      "DELETE",
      "/x/y",
      {},
      `404 {"errorCode":100,"message":"Key not found","cause":"/x","index":11}`,
    ],
    [
      "PUT",
      "/",
      { value: "x" },
      `400 {"errorCode":107,"message":"Root is read only","cause":"/","index":11}`,
    ],
    ["DELETE", "/", { prevValue: "x" }, `403 {"errorCode":102,"message":"Not a file","index":11}`],
    [
      "PUT",
      "/r",
      { refresh: true, expireMs: nowMs + 1500 },
      `404 {"errorCode":100,"message":"Key not found","cause":"/r","index":11}`,
    ],
    [
      "PUT",
      "/r",
      { value: "x", expireMs: nowMs + 1500 },
      `{"action":"set","node":{"key":"/r","value":"x","expiration":"2026-01-01T00:00:01.5Z","ttl":2,"modifiedIndex":12,"createdIndex":12}}`,
    ],
    [
      "PUT",
      "/r",
      { value: "y", expireMs: 5, prevExist: false },
      `412 {"errorCode":105,"message":"Key already exists","cause":"/r","index":12}`,
    ],
    [
      "PUT",
      "/p",
      { value: "y", expireMs: 5 },
      `{"action":"set","node":{"key":"/p","value":"y","modifiedIndex":13,"createdIndex":13}}`,
    ],
  ];
  for (const [method, path, fields, expected] of table) {
    assert.equal(rig.run(method, path, fields).trimEnd(), expected, `${method} ${path}`);
  }
});

test("a listing leaves hidden names out, at every level; sorted is by bytes", () => {
  const rig = new Rig();
  for (const path of ["/b", "/_h/x", "/a/_s", "/a/t", "/\u{1f600}", "/\uffee"]) rig.set(path, "");
  const names = (node: NodeView): unknown => [node.key, ...(node.nodes ?? []).map(names)];
  const view = rig.store.get("/", { recursive: true, sorted: true }, nowMs);
  assert.deepEqual(names(view as NodeView), [
    "/",
    ["/a", ["/a/t"]],
    ["/b"],
    ["/\uffee"],
    ["/\u{1f600}"],
  ]);
  const hidden = rig.store.get("/_h", { recursive: false, sorted: false }, nowMs);
  assert.deepEqual(names(hidden as NodeView), ["/_h", ["/_h/x"]]);
});

test("watchers get what concerns them, once or for good", () => {
  const rig = new Rig();
  const once = rig.watch("/a");
  const exact = rig.watch("/a", { stream: true });
  const below = rig.watch("/", { recursive: true, stream: true });
  const inside = rig.watch("/d/e/f", { stream: true });
  const hidden = rig.watch("/_h", { recursive: true, stream: true });
  rig.set("/a", "1");
  rig.set("/a", "2");
  rig.set("/d/e/f", "1");
  rig.set("/_h/x", "1");
  rig.run("PUT", "/a", { refresh: true, expireMs: nowMs + 5000 });
  rig.run("DELETE", "/d", { recursive: true });
  rig.run("SYNC", "", { timeMs: nowMs + 5000 });
  assert.deepEqual(drain(once), ["set /a 4"]);
  assert.equal((once as Watcher).isEnded, true);
  assert.deepEqual(drain(exact), ["set /a 4", "set /a 5", "expire /a 10", "expire /a 10"]);
  assert.deepEqual(drain(below), [
    "set /a 4",
    "set /a 5",
    "set /d/e/f 6",
    "delete /d 9",
    "expire /a 10",
  ]);
  assert.deepEqual(drain(inside), ["set /d/e/f 6", "delete /d 9"]);
  assert.deepEqual(drain(hidden), ["set /_h/x 7"]);
  assert.equal(rig.store.watcherCount, 4);
  rig.store.close();
  assert.equal(rig.store.watcherCount, 0);
});

test("history answers a watch that begins in the past with one event and no more", () => {
  const rig = new Rig();
  for (let i = 0; i < 1005; i++) rig.set(`/h${i % 2}`, String(i));
  assert.equal(rig.store.index, 1008);
  const cleared = rig.watch("/h0", { since: 8 });
  assert.ok(cleared instanceof V2Error);
  assert.equal(cleared.cause, "the requested history has been cleared [9/8]");
  assert.equal(cleared.index, 1008);
  for (const one of [rig, rig.reloaded()]) {
    const found = one.watch("/h0", { since: 9, stream: true });
    assert.deepEqual(drain(found), ["set /h0 10"]);
    // As in etcd, a stream is left open and gets nothing more.
    assert.equal((found as Watcher).isEnded, false);
    one.set("/h0", "more");
    assert.deepEqual(drain(found), []);
    const future = one.watch("/h0", { since: 1011 });
    one.set("/h0", "early");
    one.set("/h0", "on time");
    assert.deepEqual(drain(future), ["set /h0 1011"]);
  }
  // Whatever the bytes, the newest stay.
  const large = new Rig();
  for (let i = 0; i < 40; i++) large.set("/large", `${i}`.padEnd(1 << 20));
  assert.ok(large.watch("/x", { since: 4 }) instanceof V2Error);
  assert.deepEqual(drain(large.watch("/large", { since: 43 })), ["set /large 43"]);
});

test("what was only refreshed is told to nobody, now or later", () => {
  const rig = new Rig();
  const life = { refresh: true, expireMs: nowMs + 5000 };
  rig.set("/a", "1");
  const live = rig.watch("/a", { stream: true });
  rig.run("PUT", "/a", life);
  rig.run("PUT", "/a", { ...life, prevExist: true });
  rig.run("PUT", "/a", { ...life, prevValue: "1" });
  assert.equal(rig.store.index, 7);
  for (const one of [rig, rig.reloaded()]) {
    assert.deepEqual(drain(one.watch("/a", { since: 5 })), []);
    assert.match(one.all(), /"value":"1","expiration"/);
  }
  assert.deepEqual(drain(live), []);
  // A key that is created has nothing to refresh: that is an event.
  rig.run("PUT", "/b", { ...life, prevExist: false });
  assert.deepEqual(drain(rig.watch("/b", { since: 5 })), ["create /b 8"]);
});

test("a watcher that lags by more than a hundred events is cut off behind them", () => {
  const rig = new Rig();
  const slow = rig.watch("/a", { stream: true });
  for (let i = 0; i < 101; i++) rig.set("/a", String(i));
  assert.equal((slow as Watcher).isEnded, true);
  assert.equal(drain(slow).length, 100);
  assert.equal(rig.store.watcherCount, 0);
});

test("what ends goes by the time in the log, in order, the same after a reload", () => {
  const rig = new Rig();
  rig.run("PUT", "/late", { expireMs: nowMs + 2 });
  rig.run("PUT", "/z", { expireMs: nowMs + 1 });
  rig.run("PUT", "/d", { dir: true, expireMs: nowMs + 1 });
  rig.run("PUT", "/d/in", { expireMs: nowMs + 1 });
  rig.run("PUT", "/b", { expireMs: nowMs + 1 });
  rig.run("PUT", "/kept", { expireMs: nowMs + 3 });
  assert.equal(rig.store.nextExpiryMs(), nowMs + 1);
  const again = rig.reloaded();
  for (const one of [rig, again]) {
    const watcher = one.watch("/", { recursive: true, stream: true });
    one.run("SYNC", "", { timeMs: nowMs });
    one.run("SYNC", "", { timeMs: nowMs + 2 });
    assert.deepEqual(drain(watcher), [
      "expire /z 10",
      "expire /d 11",
      "expire /b 12",
      "expire /late 13",
    ]);
    assert.equal(one.store.nextExpiryMs(), nowMs + 3);
  }
  assert.equal(rig.all(), again.all());
});

test("another state gives watchers what they missed, or ends them", () => {
  const behind = new Rig();
  const ahead = new Rig();
  for (const one of [behind, ahead]) one.set("/a", "1");
  const near = behind.watch("/a", { stream: true });
  const quiet = behind.watch("/b");
  ahead.set("/a", "2");
  ahead.set("/a", "3");
  behind.store.load(ahead.records.rows());
  assert.deepEqual(drain(near), ["set /a 5", "set /a 6"]);
  assert.equal((quiet as Watcher).isEnded, false);
  for (let i = 0; i < 1001; i++) ahead.set("/a", String(i));
  behind.store.load(ahead.records.rows());
  assert.equal((quiet as Watcher).isEnded, true);
  assert.ok((quiet as Watcher & { told: { count: number } }).told.count > 0);
  assert.equal(behind.all(), ahead.all());
});

test("the tree has a bound", () => {
  const rig = new Rig(new V2Store({ maxTreeBytes: 1000 }));
  rig.set("/a", "x".repeat(700));
  assert.match(rig.set("/b", "x".repeat(300)), /^500 .*database space exceeded/);
  rig.run("DELETE", "/a");
  assert.match(rig.set("/b", "x".repeat(300)), /^\{"action":"set"/);
});
