"""The scenarios on Python's etcd3, unmodified: one line a check, exit 1 if one failed."""
import os
import queue
import sys
import threading
import time

import etcd3
import etcd3.exceptions
import grpc

ENDPOINTS = [tuple(e.rsplit(":", 1)) for e in os.environ["ETCD_ENDPOINTS"].split(",")]
PREFIX = "python/%d/" % os.getpid()
failed = 0


def connect(index=0):
    host, port = ENDPOINTS[index % len(ENDPOINTS)]
    return etcd3.client(host=host, port=int(port), timeout=20)


def check(name, scenario):
    global failed
    try:
        client = connect(len(name))
        try:
            scenario(client, PREFIX + name + "/")
        finally:
            client.close()
        print("ok " + name, flush=True)
    except Exception as error:  # every failure is a line of the report
        failed += 1
        print("FAIL %s: %s %s" % (name, type(error).__name__, error), flush=True)


def want(what, got, expected):
    if got != expected:
        raise AssertionError("%s: got %r, want %r" % (what, got, expected))


def put_get(c, p):
    c.put(p + "a", "1")
    again = c.put(p + "a", "2", prev_kv=True)
    want("previous", again.prev_kv.value, b"1")
    value, meta = c.get(p + "a")
    want("value", value, b"2")
    want("version", meta.version, 2)
    want("missing", c.get(p + "none"), (None, None))


def ranges(c, p):
    for key, value in (("a", "3"), ("b", "1"), ("c", "2")):
        c.put(p + key, value)
    got = [value for value, _ in c.get_prefix(p)]
    want("all", got, [b"3", b"1", b"2"])
    got = [value for value, _ in c.get_prefix(p, sort_order="descend", sort_target="value")]
    want("sorted", got, [b"3", b"2", b"1"])
    got = [value for value, _ in c.get_range(p + "a", p + "c")]
    want("interval", got, [b"3", b"1"])
    got = [value for value, _ in c.get_prefix(p, keys_only=True)]
    want("keys only", got, [b"", b"", b""])


def delete(c, p):
    for key in "abc":
        c.put(p + key, "1")
    want("delete", c.delete(p + "a"), True)
    want("again", c.delete(p + "a"), False)
    want("deleted", c.delete_prefix(p).deleted, 2)


def txn(c, p):
    c.put(p + "a", "1")
    done, _ = c.transaction(
        compare=[c.transactions.value(p + "a") == "1", c.transactions.version(p + "a") > 0],
        success=[c.transactions.put(p + "a", "2")],
        failure=[c.transactions.get(p + "a")],
    )
    want("first", done, True)
    done, answers = c.transaction(
        compare=[c.transactions.value(p + "a") == "1"],
        success=[c.transactions.put(p + "a", "3")],
        failure=[c.transactions.get(p + "a")],
    )
    want("second", done, False)
    want("value", answers[0][0][0], b"2")


def put_if_not_exists(c, p):
    want("first", c.put_if_not_exists(p + "a", "1"), True)
    want("second", c.put_if_not_exists(p + "a", "2"), False)
    want("replace", c.replace(p + "a", "1", "3"), True)
    want("replace of another", c.replace(p + "a", "1", "4"), False)
    want("value", c.get(p + "a")[0], b"3")


def take(events, count):
    lines = []
    for event in events:
        lines.append((type(event).__name__, event.value))
        if len(lines) == count:
            return lines
    raise AssertionError("the watch ended after %r" % lines)


def watch_live(c, p):
    events, cancel = c.watch_prefix(p)
    c.put(p + "a", "1")
    c.put(p + "b", "2")
    c.delete(p + "a")
    want("events", take(events, 3), [("PutEvent", b"1"), ("PutEvent", b"2"), ("DeleteEvent", b"")])
    cancel()


def watch_history(c, p):
    revision = c.put(p + "a", "1").header.revision
    c.put(p + "a", "2")
    events, cancel = c.watch(p + "a", start_revision=revision, prev_kv=True)
    want("events", take(events, 2), [("PutEvent", b"1"), ("PutEvent", b"2")])
    cancel()


def watch_callback(c, p):
    got = queue.Queue()
    watch_id = c.add_watch_callback(p + "a", got.put)
    c.put(p + "a", "1")
    response = got.get(timeout=20)
    want("value", response.events[0].value, b"1")
    c.cancel_watch(watch_id)


def watch_compacted(c, p):
    first = c.put(p + "a", "1").header.revision
    last = c.put(p + "a", "2").header.revision
    c.compact(last, physical=True)
    events, cancel = c.watch(p + "a", start_revision=first)
    try:
        next(iter(events))
    except etcd3.exceptions.RevisionCompactedError as error:
        want("revision", error.compacted_revision, last)
    else:
        raise AssertionError("no RevisionCompactedError")
    cancel()


def lease(c, p):
    granted = c.lease(600)
    c.put(p + "a", "1", lease=granted)
    want("granted", granted.granted_ttl, 600)
    want("keys", list(granted.keys), [(p + "a").encode()])
    want("refresh", granted.refresh()[0].TTL, 600)
    granted.revoke()
    want("value", c.get(p + "a")[0], None)


def lease_keep_alive(c, p):
    kept, left = c.lease(3), c.lease(5)
    c.put(p + "kept", "1", lease=kept)
    c.put(p + "left", "1", lease=left)
    events, cancel = c.watch_prefix(p)
    stop = threading.Event()

    def beat():
        other = connect(1)
        while not stop.wait(0.5):
            list(other.refresh_lease(kept.id))
        other.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    event = next(iter(events))
    stop.set()
    thread.join()
    want("first to go", event.key, (p + "left").encode())
    want("kept", c.get(p + "kept")[0], b"1")
    cancel()
    kept.revoke()


def lock(c, p):
    counter = [0]

    def work(index):
        mine = connect(index)
        with mine.lock(p + "lock", ttl=20):
            seen = counter[0]
            time.sleep(0.02)
            counter[0] = seen + 1
        mine.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    want("counter", counter[0], 4)


def errors(c, p):
    try:
        c.put(p + "a", "1", lease=0x7EDC)
    except grpc.RpcError as error:
        want("code", error.code(), grpc.StatusCode.NOT_FOUND)
        want("message", error.details(), "etcdserver: requested lease not found")
    else:
        raise AssertionError("a put with an unknown lease was taken")
    try:
        c.put("", "1")
    except (grpc.RpcError, ValueError) as error:
        if isinstance(error, grpc.RpcError):
            want("message", error.details(), "etcdserver: key is not provided")
    else:
        raise AssertionError("a put without a key was taken")


def members(c, p):
    listed = list(c.members)
    want("members", len(listed), len(ENDPOINTS))
    want("names", sorted(m.name for m in listed), ["m1", "m2", "m3"])


def status(c, p):
    leaders = set()
    for i in range(len(ENDPOINTS)):
        other = connect(i)
        got = other.status()
        leaders.add(got.leader.name)
        want("version", got.version.startswith("3.7."), True)
        other.close()
    want("leaders", len(leaders), 1)


def every_endpoint(c, p):
    clients = [connect(i) for i in range(len(ENDPOINTS))]
    for i, writer in enumerate(clients):
        writer.put(p + "a", str(i))
        for reader in clients:
            want("value", reader.get(p + "a")[0], str(i).encode())
    for other in clients:
        other.close()


for NAME, SCENARIO in (
    ("put-get", put_get),
    ("range", ranges),
    ("delete", delete),
    ("txn", txn),
    ("put-if-not-exists", put_if_not_exists),
    ("watch-live", watch_live),
    ("watch-history", watch_history),
    ("watch-callback", watch_callback),
    ("watch-compacted", watch_compacted),
    ("lease", lease),
    ("lease-keep-alive", lease_keep_alive),
    ("lock", lock),
    ("errors", errors),
    ("members", members),
    ("status", status),
    ("every-endpoint", every_endpoint),
):
    check(NAME, SCENARIO)
sys.exit(1 if failed else 0)
