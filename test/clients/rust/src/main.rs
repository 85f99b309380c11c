//! The scenarios on Rust's etcd-client, unmodified: one line a check, exit 1 if one failed.
use etcd_client::{
    Client, Compare, CompareOp, CompactionOptions, DeleteOptions, Error, EventType, GetOptions,
    GetResponse, KeyValue, LeaseTimeToLiveOptions, PutOptions, SortOrder, SortTarget, Txn, TxnOp,
    TxnOpResponse, WatchFilterType, WatchOptions, WatchStream,
};
use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn want<T: Debug + PartialEq>(what: &str, got: T, expected: T) -> Outcome {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, want {expected:?}").into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pairs(kvs: &[KeyValue], prefix: &str) -> String {
    let lines = kvs.iter().map(|kv| format!("{}={}", &text(kv.key())[prefix.len()..], text(kv.value())));
    lines.collect::<Vec<_>>().join(" ")
}

fn revision(answer: &GetResponse) -> i64 {
    answer.header().map_or(0, |header| header.revision())
}

async fn take(stream: &mut WatchStream, count: usize) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        for event in answer.events() {
            let kind = if event.event_type() == EventType::Put { "PUT" } else { "DELETE" };
            let value = event.kv().map_or(String::new(), |kv| text(kv.value()));
            let was = event.prev_kv().map_or(String::new(), |kv| format!(" was {}", text(kv.value())));
            lines.push(format!("{kind} {value}{was}"));
        }
    }
    Ok(lines)
}

fn refused<T>(what: &str, outcome: Result<T, Error>, message: &str) -> Outcome {
    match outcome {
        Err(Error::GRpcStatus(status)) => want(what, status.message(), message),
        Err(other) => Err(format!("{what}: {other}").into()),
        Ok(_) => Err(format!("{what} was not refused").into()),
    }
}

async fn put_get(mut c: Client, p: String) -> Outcome {
    c.put(format!("{p}a"), "1", None).await?;
    let again = c.put(format!("{p}a"), "2", Some(PutOptions::new().with_prev_key())).await?;
    want("previous", again.prev_key().map(|kv| text(kv.value())), Some("1".into()))?;
    let got = c.get(format!("{p}a"), None).await?;
    want("value", pairs(got.kvs(), &p), "a=2".into())?;
    want("version", got.kvs()[0].version(), 2)
}

async fn range(mut c: Client, p: String) -> Outcome {
    for (key, value) in [("a", "3"), ("b", "1"), ("c", "2")] {
        c.put(format!("{p}{key}"), value, None).await?;
    }
    let all = c.get(p.clone(), Some(GetOptions::new().with_prefix())).await?;
    want("all", pairs(all.kvs(), &p), "a=3 b=1 c=2".into())?;
    let options = GetOptions::new().with_prefix().with_sort(SortTarget::Value, SortOrder::Descend).with_limit(2);
    let sorted = c.get(p.clone(), Some(options)).await?;
    want("sorted", pairs(sorted.kvs(), &p), "a=3 c=2".into())?;
    want("more", sorted.more(), true)?;
    want("count", sorted.count(), 3)
}

async fn delete(mut c: Client, p: String) -> Outcome {
    c.put(format!("{p}a"), "1", None).await?;
    c.put(format!("{p}b"), "1", None).await?;
    let gone = c.delete(p.clone(), Some(DeleteOptions::new().with_prefix().with_prev_key())).await?;
    want("deleted", gone.deleted(), 2)?;
    want("previous", pairs(gone.prev_kvs(), &p), "a=1 b=1".into())?;
    want("left", c.get(format!("{p}a"), None).await?.count(), 0)
}

async fn history(mut c: Client, p: String) -> Outcome {
    c.put(format!("{p}a"), "old", None).await?;
    let then = revision(&c.get(format!("{p}a"), None).await?);
    c.put(format!("{p}a"), "new", None).await?;
    let got = c.get(format!("{p}a"), Some(GetOptions::new().with_revision(then))).await?;
    want("value", pairs(got.kvs(), &p), "a=old".into())
}

async fn txn(mut c: Client, p: String) -> Outcome {
    let attempt = || {
        Txn::new()
            .when([Compare::create_revision(format!("{p}a"), CompareOp::Equal, 0)])
            .and_then([TxnOp::put(format!("{p}a"), "mine", None)])
            .or_else([TxnOp::get(format!("{p}a"), None)])
    };
    want("first", c.txn(attempt()).await?.succeeded(), true)?;
    let second = c.txn(attempt()).await?;
    want("second", second.succeeded(), false)?;
    match &second.op_responses()[0] {
        TxnOpResponse::Get(got) => want("holder", pairs(got.kvs(), &p), "a=mine".into()),
        other => Err(format!("{other:?}").into()),
    }
}

async fn watch_live(mut c: Client, p: String) -> Outcome {
    let options = WatchOptions::new().with_prefix().with_prev_key();
    let mut stream = c.watch(p.clone(), Some(options)).await?;
    c.put(format!("{p}a"), "1", None).await?;
    c.put(format!("{p}a"), "2", None).await?;
    c.delete(format!("{p}a"), None).await?;
    let lines = take(&mut stream, 3).await?;
    want("events", lines.join(", "), "PUT 1, PUT 2 was 1, DELETE  was 2".into())?;
    stream.cancel(0).await?;
    while let Some(answer) = stream.message().await? {
        if answer.canceled() {
            return Ok(());
        }
    }
    Err("the cancel was not answered".into())
}

async fn watch_history(mut c: Client, p: String) -> Outcome {
    c.put(format!("{p}a"), "1", None).await?;
    let then = revision(&c.get(format!("{p}a"), None).await?);
    c.put(format!("{p}a"), "2", None).await?;
    let options = WatchOptions::new().with_start_revision(then);
    let mut stream = c.watch(format!("{p}a"), Some(options)).await?;
    want("events", take(&mut stream, 2).await?.join(", "), "PUT 1, PUT 2".into())
}

async fn watch_compacted(mut c: Client, p: String) -> Outcome {
    c.put(format!("{p}a"), "1", None).await?;
    let first = revision(&c.get(format!("{p}a"), None).await?);
    c.put(format!("{p}a"), "2", None).await?;
    c.compact(first + 1, Some(CompactionOptions::new().with_physical())).await?;
    let options = WatchOptions::new().with_start_revision(first);
    let mut stream = c.watch(format!("{p}a"), Some(options)).await?;
    loop {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        if answer.canceled() {
            want("revision", answer.compact_revision(), first + 1)?;
            break;
        }
    }
    let old = c.get(format!("{p}a"), Some(GetOptions::new().with_revision(first))).await;
    refused("get", old, "etcdserver: mvcc: required revision has been compacted")
}

async fn lease(mut c: Client, p: String) -> Outcome {
    let id = c.lease_grant(600, None).await?.id();
    c.put(format!("{p}a"), "1", Some(PutOptions::new().with_lease(id))).await?;
    let left = c.lease_time_to_live(id, Some(LeaseTimeToLiveOptions::new().with_keys())).await?;
    want("granted", left.granted_ttl(), 600)?;
    want("keys", left.keys().to_vec(), vec![format!("{p}a").into_bytes()])?;
    // As in etcd the list is that of the member that is asked, which may not have applied the grant yet.
    let mut listed = false;
    for _ in 0..10_000 {
        listed = c.leases().await?.leases().iter().any(|lease| lease.id() == id);
        if listed {
            break;
        }
    }
    want("listed", listed, true)?;
    c.lease_revoke(id).await?;
    want("left", c.get(format!("{p}a"), None).await?.count(), 0)
}

async fn lease_keep_alive(mut c: Client, p: String) -> Outcome {
    let kept = c.lease_grant(3, None).await?.id();
    let lost = c.lease_grant(5, None).await?.id();
    c.put(format!("{p}kept"), "1", Some(PutOptions::new().with_lease(kept))).await?;
    c.put(format!("{p}lost"), "1", Some(PutOptions::new().with_lease(lost))).await?;
    let options = WatchOptions::new().with_prefix().with_filters([WatchFilterType::NoPut]);
    let mut stream = c.watch(p.clone(), Some(options)).await?;
    let (mut keeper, mut answers) = c.lease_keep_alive(kept).await?;
    let beat = tokio::spawn(async move {
        loop {
            let _ = keeper.keep_alive().await;
            let _ = answers.message().await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let gone = loop {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        if let Some(event) = answer.events().first() {
            break event.kv().map_or(String::new(), |kv| text(kv.key()));
        }
    };
    beat.abort();
    want("first to go", gone, format!("{p}lost"))?;
    want("kept", c.get(format!("{p}kept"), None).await?.count(), 1)?;
    c.lease_revoke(kept).await?;
    Ok(())
}

async fn errors(mut c: Client, p: String) -> Outcome {
    refused("empty key", c.put("", "1", None).await, "etcdserver: key is not provided")?;
    let future = c.get(p.clone(), Some(GetOptions::new().with_revision(1 << 40))).await;
    refused("future", future, "etcdserver: mvcc: required revision is a future revision")?;
    let leased = c.put(p.clone(), "1", Some(PutOptions::new().with_lease(0x7edc))).await;
    refused("lease", leased, "etcdserver: requested lease not found")?;
    let twice = Txn::new().and_then([TxnOp::put(p.clone(), "1", None), TxnOp::put(p, "2", None)]);
    refused("duplicate", c.txn(twice).await, "etcdserver: duplicate key given in txn request")
}

async fn members(mut c: Client, _p: String) -> Outcome {
    let listed = c.member_list().await?;
    let mut names: Vec<&str> = listed.members().iter().map(|member| member.name()).collect();
    names.sort_unstable();
    want("names", names, vec!["m1", "m2", "m3"])
}

async fn status(_c: Client, _p: String) -> Outcome {
    let mut leaders = HashSet::new();
    for endpoint in endpoints() {
        let mut one = Client::connect([endpoint], None).await?;
        let answer = one.status().await?;
        want("version", answer.version().starts_with("3.7."), true)?;
        leaders.insert(answer.leader());
    }
    want("leaders", leaders.len(), 1)
}

async fn every_endpoint(_c: Client, p: String) -> Outcome {
    let mut clients = Vec::new();
    for endpoint in endpoints() {
        clients.push(Client::connect([endpoint], None).await?);
    }
    for i in 0..clients.len() {
        clients[i].put(format!("{p}a"), i.to_string(), None).await?;
        for reader in &mut clients {
            let got = reader.get(format!("{p}a"), None).await?;
            want("value", pairs(got.kvs(), &p), format!("a={i}"))?;
        }
    }
    Ok(())
}

fn endpoints() -> Vec<String> {
    let list = std::env::var("ETCD_ENDPOINTS").expect("ETCD_ENDPOINTS");
    list.split(',').map(String::from).collect()
}

#[tokio::main]
async fn main() {
    let mut failed = 0;
    macro_rules! check {
        ($name:literal, $scenario:expr) => {{
            let prefix = format!("rust/{}/{}/", std::process::id(), $name);
            let outcome = tokio::time::timeout(Duration::from_secs(30), async {
                let client = Client::connect(endpoints(), None).await?;
                $scenario(client, prefix).await
            });
            match outcome.await {
                Ok(Ok(())) => println!("ok {}", $name),
                Ok(Err(error)) => {
                    failed += 1;
                    println!("FAIL {}: {}", $name, error.to_string().replace('\n', " "));
                }
                Err(_) => {
                    failed += 1;
                    println!("FAIL {}: hung", $name);
                }
            }
        }};
    }
    check!("put-get", put_get);
    check!("range", range);
    check!("delete", delete);
    check!("history", history);
    check!("txn", txn);
    check!("watch-live", watch_live);
    check!("watch-history", watch_history);
    check!("watch-compacted", watch_compacted);
    check!("lease", lease);
    check!("lease-keep-alive", lease_keep_alive);
    check!("errors", errors);
    check!("members", members);
    check!("status", status);
    check!("every-endpoint", every_endpoint);
    if failed > 0 {
        std::process::exit(1);
    }
}
