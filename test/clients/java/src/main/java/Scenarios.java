import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.cluster.Member;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.CompactOption;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.support.CloseableClient;
import io.etcd.jetcd.support.Observers;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The scenarios on Java's jetcd, unmodified: one line a check, exit 1 if one failed. */
public final class Scenarios {
  private static final List<String> ENDPOINTS =
      Arrays.stream(System.getenv("ETCD_ENDPOINTS").split(","))
          .map(endpoint -> "http://" + endpoint)
          .collect(Collectors.toList());
  private static final String PREFIX = "java/" + ProcessHandle.current().pid() + "/";
  private static int failed = 0;

  private interface Scenario {
    void run(Client client, String prefix) throws Exception;
  }

  private static Client connect(List<String> endpoints) {
    return Client.builder().endpoints(endpoints.toArray(new String[0])).build();
  }

  private static void check(String name, Scenario scenario) {
    try (Client client = connect(ENDPOINTS)) {
      scenario.run(client, PREFIX + name + "/");
      System.out.println("ok " + name);
    } catch (Throwable error) {
      failed++;
      System.out.println("FAIL " + name + ": " + String.valueOf(error).replace('\n', ' '));
    }
  }

  private static void want(String what, Object got, Object expected) {
    if (!Objects.equals(String.valueOf(got), String.valueOf(expected))) {
      throw new AssertionError(what + ": got " + got + ", want " + expected);
    }
  }

  private static ByteSequence b(String text) {
    return ByteSequence.from(text, StandardCharsets.UTF_8);
  }

  private static <T> T done(CompletableFuture<T> future) throws Exception {
    return future.get(20, TimeUnit.SECONDS);
  }

  private static String pairs(List<KeyValue> kvs, String prefix) {
    return kvs.stream()
        .map(kv -> kv.getKey().toString().substring(prefix.length()) + "=" + kv.getValue())
        .collect(Collectors.joining(" "));
  }

  private static List<String> take(BlockingQueue<WatchResponse> queue, int count) throws Exception {
    List<String> lines = new ArrayList<>();
    while (lines.size() < count) {
      WatchResponse response = queue.poll(20, TimeUnit.SECONDS);
      if (response == null) throw new AssertionError("only " + lines);
      for (WatchEvent event : response.getEvents()) {
        lines.add(event.getEventType() + " " + event.getKeyValue().getValue());
      }
    }
    return lines;
  }

  private static void refused(String what, CompletableFuture<?> future, String message)
      throws Exception {
    try {
      done(future);
    } catch (ExecutionException error) {
      // jetcd puts the name of the code before it.
      want(what, error.getCause().getMessage().replaceFirst("^[A-Z_]+: ", ""), message);
      return;
    }
    throw new AssertionError(what + " was not refused");
  }

  public static void main(String[] arguments) {
    check("put-get", (c, p) -> {
      done(c.getKVClient().put(b(p + "a"), b("1")));
      var again =
          done(c.getKVClient().put(b(p + "a"), b("2"), PutOption.builder().withPrevKV().build()));
      want("previous", again.getPrevKv().getValue(), "1");
      GetResponse got = done(c.getKVClient().get(b(p + "a")));
      want("value", pairs(got.getKvs(), p), "a=2");
      want("version", got.getKvs().get(0).getVersion(), 2);
    });
    check("range", (c, p) -> {
      for (String kv : List.of("a=3", "b=1", "c=2")) {
        done(c.getKVClient().put(b(p + kv.charAt(0)), b(kv.substring(2))));
      }
      GetOption all = GetOption.builder().isPrefix(true).build();
      want("all", pairs(done(c.getKVClient().get(b(p), all)).getKvs(), p), "a=3 b=1 c=2");
      GetOption sorted =
          GetOption.builder()
              .isPrefix(true)
              .withSortField(GetOption.SortTarget.VALUE)
              .withSortOrder(GetOption.SortOrder.DESCEND)
              .withLimit(2)
              .build();
      GetResponse two = done(c.getKVClient().get(b(p), sorted));
      want("sorted", pairs(two.getKvs(), p), "a=3 c=2");
      want("more", two.isMore(), true);
      want("count", two.getCount(), 3);
    });
    check("delete", (c, p) -> {
      done(c.getKVClient().put(b(p + "a"), b("1")));
      done(c.getKVClient().put(b(p + "b"), b("1")));
      DeleteOption all = DeleteOption.builder().isPrefix(true).withPrevKV(true).build();
      var gone = done(c.getKVClient().delete(b(p), all));
      want("deleted", gone.getDeleted(), 2);
      want("previous", pairs(gone.getPrevKvs(), p), "a=1 b=1");
      want("left", done(c.getKVClient().get(b(p + "a"))).getCount(), 0);
    });
    check("history", (c, p) -> {
      long revision = done(c.getKVClient().put(b(p + "a"), b("old"))).getHeader().getRevision();
      done(c.getKVClient().put(b(p + "a"), b("new")));
      GetOption then = GetOption.builder().withRevision(revision).build();
      want("value", pairs(done(c.getKVClient().get(b(p + "a"), then)).getKvs(), p), "a=old");
    });
    check("txn", (c, p) -> {
      for (boolean first : new boolean[] {true, false}) {
        TxnResponse answer =
            done(
                c.getKVClient()
                    .txn()
                    .If(new Cmp(b(p + "a"), Cmp.Op.EQUAL, CmpTarget.createRevision(0)))
                    .Then(Op.put(b(p + "a"), b("mine"), PutOption.DEFAULT))
                    .Else(Op.get(b(p + "a"), GetOption.DEFAULT))
                    .commit());
        want("succeeded", answer.isSucceeded(), first);
        if (!first) {
          want("holder", pairs(answer.getGetResponses().get(0).getKvs(), p), "a=mine");
        }
      }
    });
    check("watch-live", (c, p) -> {
      BlockingQueue<WatchResponse> queue = new LinkedBlockingQueue<>();
      WatchOption option = WatchOption.builder().isPrefix(true).withCreateNotify(true).build();
      try (Watch.Watcher watcher = c.getWatchClient().watch(b(p), option, queue::add)) {
        want("created", queue.poll(20, TimeUnit.SECONDS).isCreatedNotify(), true);
        done(c.getKVClient().put(b(p + "a"), b("1")));
        done(c.getKVClient().put(b(p + "b"), b("2")));
        done(c.getKVClient().delete(b(p + "a")));
        want("events", take(queue, 3), List.of("PUT 1", "PUT 2", "DELETE "));
      }
    });
    check("watch-history", (c, p) -> {
      long revision = done(c.getKVClient().put(b(p + "a"), b("1"))).getHeader().getRevision();
      done(c.getKVClient().put(b(p + "a"), b("2")));
      BlockingQueue<WatchResponse> queue = new LinkedBlockingQueue<>();
      WatchOption option = WatchOption.builder().withRevision(revision).build();
      try (Watch.Watcher watcher = c.getWatchClient().watch(b(p + "a"), option, queue::add)) {
        want("events", take(queue, 2), List.of("PUT 1", "PUT 2"));
      }
    });
    check("watch-compacted", (c, p) -> {
      long first = done(c.getKVClient().put(b(p + "a"), b("1"))).getHeader().getRevision();
      long last = done(c.getKVClient().put(b(p + "a"), b("2"))).getHeader().getRevision();
      done(
          c.getKVClient()
              .compact(last, CompactOption.builder().withCompactPhysical(true).build()));
      CompletableFuture<Throwable> failure = new CompletableFuture<>();
      WatchOption option = WatchOption.builder().withRevision(first).build();
      try (Watch.Watcher watcher =
          c.getWatchClient().watch(b(p + "a"), option, response -> {}, failure::complete)) {
        want("watch", done(failure).getClass().getSimpleName(), "CompactedException");
      }
      refused(
          "get",
          c.getKVClient().get(b(p + "a"), GetOption.builder().withRevision(first).build()),
          "etcdserver: mvcc: required revision has been compacted");
    });
    check("lease", (c, p) -> {
      long id = done(c.getLeaseClient().grant(600)).getID();
      done(c.getKVClient().put(b(p + "a"), b("1"), PutOption.builder().withLeaseId(id).build()));
      var left =
          done(
              c.getLeaseClient()
                  .timeToLive(id, LeaseOption.builder().withAttachedKeys().build()));
      want("granted", left.getGrantedTTL(), 600);
      want("keys", left.getKeys(), List.of(b(p + "a")));
      want("keep-alive", done(c.getLeaseClient().keepAliveOnce(id)).getTTL(), 600);
      done(c.getLeaseClient().revoke(id));
      want("left", done(c.getKVClient().get(b(p + "a"))).getCount(), 0);
    });
    check("lease-keep-alive", (c, p) -> {
      long kept = done(c.getLeaseClient().grant(3)).getID();
      long lost = done(c.getLeaseClient().grant(5)).getID();
      for (var entry : List.of(List.of("kept", kept), List.of("lost", lost))) {
        PutOption option = PutOption.builder().withLeaseId((Long) entry.get(1)).build();
        done(c.getKVClient().put(b(p + entry.get(0)), b("1"), option));
      }
      BlockingQueue<WatchResponse> queue = new LinkedBlockingQueue<>();
      WatchOption option = WatchOption.builder().isPrefix(true).withNoPut(true).build();
      try (Watch.Watcher watcher = c.getWatchClient().watch(b(p), option, queue::add);
          CloseableClient alive =
              c.getLeaseClient()
                  .keepAlive(kept, Observers.<LeaseKeepAliveResponse>observer(r -> {}))) {
        WatchEvent gone = queue.poll(20, TimeUnit.SECONDS).getEvents().get(0);
        want("first to go", gone.getKeyValue().getKey(), p + "lost");
        want("kept", done(c.getKVClient().get(b(p + "kept"))).getCount(), 1);
      }
      done(c.getLeaseClient().revoke(kept));
    });
    check("errors", (c, p) -> {
      refused(
          "empty key",
          c.getKVClient().put(ByteSequence.EMPTY, b("1")),
          "etcdserver: key is not provided");
      refused(
          "future",
          c.getKVClient().get(b(p), GetOption.builder().withRevision(1L << 40).build()),
          "etcdserver: mvcc: required revision is a future revision");
      refused(
          "lease",
          c.getKVClient().put(b(p), b("1"), PutOption.builder().withLeaseId(0x7edc).build()),
          "etcdserver: requested lease not found");
    });
    check("members", (c, p) -> {
      List<Member> members = done(c.getClusterClient().listMember()).getMembers();
      List<String> names = members.stream().map(Member::getName).sorted().collect(Collectors.toList());
      want("names", names, List.of("m1", "m2", "m3"));
    });
    check("status", (c, p) -> {
      Set<Long> leaders = new HashSet<>();
      for (String endpoint : ENDPOINTS) {
        leaders.add(done(c.getMaintenanceClient().statusMember(endpoint)).getLeader());
      }
      want("leaders", leaders.size(), 1);
    });
    check("every-endpoint", (c, p) -> {
      List<Client> clients =
          ENDPOINTS.stream().map(endpoint -> connect(List.of(endpoint))).collect(Collectors.toList());
      for (int i = 0; i < clients.size(); i++) {
        done(clients.get(i).getKVClient().put(b(p + "a"), b(String.valueOf(i))));
        for (Client reader : clients) {
          want("value", pairs(done(reader.getKVClient().get(b(p + "a"))).getKvs(), p), "a=" + i);
        }
      }
      clients.forEach(Client::close);
    });
    System.exit(failed > 0 ? 1 : 0);
  }
}
