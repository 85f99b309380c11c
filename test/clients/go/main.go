// The scenarios on etcd's own Go client, unmodified: one line a check, exit 1 if one failed.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var (
	endpoints = strings.Split(os.Getenv("ETCD_ENDPOINTS"), ",")
	prefix    = fmt.Sprintf("go/%d/", os.Getpid())
	failed    = 0
)

func connect(to ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: to, DialTimeout: 10 * time.Second})
}

func check(name string, scenario func(ctx context.Context, c *clientv3.Client, p string) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := connect(endpoints...)
	if err == nil {
		defer c.Close()
		err = scenario(ctx, c, prefix+name+"/")
	}
	if err != nil {
		failed++
		fmt.Printf("FAIL %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

func want(what string, got, expected any) error {
	if g, e := fmt.Sprint(got), fmt.Sprint(expected); g != e {
		return fmt.Errorf("%s: got %s, want %s", what, g, e)
	}
	return nil
}

func keys(resp *clientv3.GetResponse, p string) string {
	var names []string
	for _, kv := range resp.Kvs {
		names = append(names, strings.TrimPrefix(string(kv.Key), p)+"="+string(kv.Value))
	}
	return strings.Join(names, " ")
}

func events(ctx context.Context, ch clientv3.WatchChan, count int, p string) (string, error) {
	var lines []string
	for len(lines) < count {
		select {
		case resp, open := <-ch:
			if !open {
				return "", errors.New("the watch ended")
			}
			if err := resp.Err(); err != nil {
				return "", err
			}
			for _, e := range resp.Events {
				line := e.Type.String() + " " + strings.TrimPrefix(string(e.Kv.Key), p) + "=" + string(e.Kv.Value)
				if e.PrevKv != nil {
					line += " was " + string(e.PrevKv.Value)
				}
				lines = append(lines, line)
			}
		case <-ctx.Done():
			return "", fmt.Errorf("only %v: %w", lines, ctx.Err())
		}
	}
	return strings.Join(lines, ", "), nil
}

func main() {
	check("put-get", func(ctx context.Context, c *clientv3.Client, p string) error {
		put, err := c.Put(ctx, p+"a", "1")
		if err != nil {
			return err
		}
		again, err := c.Put(ctx, p+"a", "2", clientv3.WithPrevKV())
		if err != nil {
			return err
		}
		got, err := c.Get(ctx, p+"a")
		if err != nil {
			return err
		}
		return errors.Join(
			want("previous", string(again.PrevKv.Value), "1"),
			want("value", keys(got, p), "a=2"),
			want("version", got.Kvs[0].Version, 2),
			want("create", got.Kvs[0].CreateRevision, put.Header.Revision),
		)
	})
	check("range", func(ctx context.Context, c *clientv3.Client, p string) error {
		for _, kv := range []string{"a=3", "b=1", "c=2"} {
			k, v, _ := strings.Cut(kv, "=")
			if _, err := c.Put(ctx, p+k, v); err != nil {
				return err
			}
		}
		all, err := c.Get(ctx, p, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		sorted, err := c.Get(ctx, p, clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortDescend), clientv3.WithLimit(2))
		if err != nil {
			return err
		}
		count, err := c.Get(ctx, p, clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			return err
		}
		return errors.Join(
			want("all", keys(all, p), "a=3 b=1 c=2"),
			want("sorted", keys(sorted, p), "a=3 c=2"),
			want("more", sorted.More, true),
			want("count", count.Count, 3),
		)
	})
	check("delete", func(ctx context.Context, c *clientv3.Client, p string) error {
		if _, err := c.Put(ctx, p+"a", "1"); err != nil {
			return err
		}
		del, err := c.Delete(ctx, p, clientv3.WithPrefix(), clientv3.WithPrevKV())
		if err != nil {
			return err
		}
		got, err := c.Get(ctx, p+"a")
		if err != nil {
			return err
		}
		return errors.Join(want("deleted", del.Deleted, 1), want("previous", string(del.PrevKvs[0].Value), "1"), want("left", got.Count, 0))
	})
	check("history", func(ctx context.Context, c *clientv3.Client, p string) error {
		put, err := c.Put(ctx, p+"a", "old")
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, p+"a", "new"); err != nil {
			return err
		}
		got, err := c.Get(ctx, p+"a", clientv3.WithRev(put.Header.Revision))
		if err != nil {
			return err
		}
		return want("old value", keys(got, p), "a=old")
	})
	check("txn", func(ctx context.Context, c *clientv3.Client, p string) error {
		create := func() (*clientv3.TxnResponse, error) {
			return c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(p+"a"), "=", 0)).
				Then(clientv3.OpPut(p+"a", "mine")).Else(clientv3.OpGet(p + "a")).Commit()
		}
		first, err := create()
		if err != nil {
			return err
		}
		second, err := create()
		if err != nil {
			return err
		}
		return errors.Join(
			want("first", first.Succeeded, true),
			want("second", second.Succeeded, false),
			want("holder", string(second.Responses[0].GetResponseRange().Kvs[0].Value), "mine"),
		)
	})
	check("watch-live", func(ctx context.Context, c *clientv3.Client, p string) error {
		ch := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithCreatedNotify(), clientv3.WithPrevKV())
		if created := <-ch; !created.Created {
			return errors.New("no created notice")
		}
		if _, err := c.Put(ctx, p+"a", "1"); err != nil {
			return err
		}
		if _, err := c.Put(ctx, p+"a", "2"); err != nil {
			return err
		}
		if _, err := c.Delete(ctx, p+"a"); err != nil {
			return err
		}
		got, err := events(ctx, ch, 3, p)
		return errors.Join(err, want("events", got, "PUT a=1, PUT a=2 was 1, DELETE a= was 2"))
	})
	check("watch-history", func(ctx context.Context, c *clientv3.Client, p string) error {
		put, err := c.Put(ctx, p+"a", "1")
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, p+"a", "2"); err != nil {
			return err
		}
		ch := c.Watch(ctx, p+"a", clientv3.WithRev(put.Header.Revision))
		got, err := events(ctx, ch, 2, p)
		return errors.Join(err, want("events", got, "PUT a=1, PUT a=2"))
	})
	check("watch-progress", func(ctx context.Context, c *clientv3.Client, p string) error {
		ch := c.Watch(ctx, p+"a", clientv3.WithCreatedNotify())
		<-ch
		put, err := c.Put(ctx, p+"b", "1")
		if err != nil {
			return err
		}
		for {
			if err := c.RequestProgress(ctx); err != nil {
				return err
			}
			select {
			case resp := <-ch:
				if !resp.IsProgressNotify() {
					return fmt.Errorf("no progress: %v", resp)
				}
				if resp.Header.Revision >= put.Header.Revision {
					return nil
				}
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	check("watch-compacted", func(ctx context.Context, c *clientv3.Client, p string) error {
		put, err := c.Put(ctx, p+"a", "1")
		if err != nil {
			return err
		}
		last, err := c.Put(ctx, p+"a", "2")
		if err != nil {
			return err
		}
		if _, err := c.Compact(ctx, last.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			return err
		}
		resp := <-c.Watch(ctx, p+"a", clientv3.WithRev(put.Header.Revision))
		_, err = c.Get(ctx, p+"a", clientv3.WithRev(put.Header.Revision))
		return errors.Join(
			want("watch", resp.Err(), rpctypes.ErrCompacted),
			want("revision", resp.CompactRevision, last.Header.Revision),
			want("get", err, rpctypes.ErrCompacted),
		)
	})
	check("lease", func(ctx context.Context, c *clientv3.Client, p string) error {
		lease, err := c.Grant(ctx, 600)
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, p+"a", "1", clientv3.WithLease(lease.ID)); err != nil {
			return err
		}
		left, err := c.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
		if err != nil {
			return err
		}
		// As in etcd the list is that of the member that is asked, which may not have applied the grant yet.
		listed := false
		for try := 0; try < 10_000 && !listed; try++ {
			list, err := c.Leases(ctx)
			if err != nil {
				return err
			}
			for _, l := range list.Leases {
				listed = listed || l.ID == lease.ID
			}
		}
		if _, err := c.Revoke(ctx, lease.ID); err != nil {
			return err
		}
		got, err := c.Get(ctx, p+"a")
		if err != nil {
			return err
		}
		return errors.Join(
			want("granted", left.GrantedTTL, 600),
			want("keys", string(bytes.Join(left.Keys, nil)), p+"a"),
			want("listed", listed, true),
			want("left", got.Count, 0),
		)
	})
	check("lease-keep-alive", func(ctx context.Context, c *clientv3.Client, p string) error {
		lease, err := c.Grant(ctx, 2)
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, p+"a", "1", clientv3.WithLease(lease.ID)); err != nil {
			return err
		}
		alive, err := c.KeepAlive(ctx, lease.ID)
		if err != nil {
			return err
		}
		// Seven renewals, three a TTL, take longer than the lease would live.
		for range 7 {
			if resp := <-alive; resp == nil {
				return errors.New("the keep-alive ended")
			}
		}
		got, err := c.Get(ctx, p+"a")
		if err != nil {
			return err
		}
		return want("count", got.Count, 1)
	})
	check("lease-expiry", func(ctx context.Context, c *clientv3.Client, p string) error {
		lease, err := c.Grant(ctx, 2)
		if err != nil {
			return err
		}
		ch := c.Watch(ctx, p+"a", clientv3.WithFilterPut())
		if _, err := c.Put(ctx, p+"a", "1", clientv3.WithLease(lease.ID)); err != nil {
			return err
		}
		got, err := events(ctx, ch, 1, p)
		if err != nil {
			return err
		}
		_, err = c.KeepAliveOnce(ctx, lease.ID)
		return errors.Join(want("events", got, "DELETE a="), want("keep-alive", err, rpctypes.ErrLeaseNotFound))
	})
	check("errors", func(ctx context.Context, c *clientv3.Client, p string) error {
		_, empty := c.Put(ctx, "", "1")
		_, lease := c.Put(ctx, p+"a", "1", clientv3.WithLease(0x7edc))
		_, future := c.Get(ctx, p+"a", clientv3.WithRev(1<<40))
		_, duplicate := c.Txn(ctx).Then(clientv3.OpPut(p+"a", "1"), clientv3.OpPut(p+"a", "2")).Commit()
		_, large := c.Put(ctx, p+"a", strings.Repeat("v", 1_600_000))
		return errors.Join(
			want("empty key", errors.Is(empty, rpctypes.ErrEmptyKey), true),
			want("lease", errors.Is(lease, rpctypes.ErrLeaseNotFound), true),
			want("future", errors.Is(future, rpctypes.ErrFutureRev), true),
			want("duplicate", errors.Is(duplicate, rpctypes.ErrDuplicateKey), true),
			want("large", errors.Is(large, rpctypes.ErrRequestTooLarge), true),
		)
	})
	check("members", func(ctx context.Context, c *clientv3.Client, p string) error {
		list, err := c.MemberList(ctx)
		if err != nil {
			return err
		}
		if err := c.Sync(ctx); err != nil {
			return err
		}
		return errors.Join(want("members", len(list.Members), len(endpoints)), want("synced", len(c.Endpoints()), len(endpoints)))
	})
	check("status", func(ctx context.Context, c *clientv3.Client, p string) error {
		leaders := map[uint64]bool{}
		for _, endpoint := range endpoints {
			status, err := c.Status(ctx, endpoint)
			if err != nil {
				return err
			}
			leaders[status.Leader] = true
		}
		return want("leaders", len(leaders), 1)
	})
	check("every-endpoint", func(ctx context.Context, c *clientv3.Client, p string) error {
		for i, writer := range endpoints {
			w, err := connect(writer)
			if err != nil {
				return err
			}
			defer w.Close()
			if _, err := w.Put(ctx, p+"a", fmt.Sprint(i)); err != nil {
				return err
			}
			for _, reader := range endpoints {
				r, err := connect(reader)
				if err != nil {
					return err
				}
				defer r.Close()
				got, err := r.Get(ctx, p+"a")
				if err != nil {
					return err
				}
				if err := want(writer+" to "+reader, keys(got, p), fmt.Sprintf("a=%d", i)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	check("mutex", func(ctx context.Context, c *clientv3.Client, p string) error {
		counter := 0
		done := make(chan error, 5)
		for range 5 {
			go func() {
				done <- func() error {
					session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
					if err != nil {
						return err
					}
					defer session.Close()
					mutex := concurrency.NewMutex(session, p+"lock")
					if err := mutex.Lock(ctx); err != nil {
						return err
					}
					seen := counter
					time.Sleep(10 * time.Millisecond)
					counter = seen + 1
					return mutex.Unlock(ctx)
				}()
			}()
		}
		for range 5 {
			if err := <-done; err != nil {
				return err
			}
		}
		return want("counter", counter, 5)
	})
	check("election", func(ctx context.Context, c *clientv3.Client, p string) error {
		one, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		defer one.Close()
		two, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		defer two.Close()
		first, second := concurrency.NewElection(one, p), concurrency.NewElection(two, p)
		if err := first.Campaign(ctx, "first"); err != nil {
			return err
		}
		won := make(chan error, 1)
		go func() { won <- second.Campaign(ctx, "second") }()
		leader, err := second.Leader(ctx)
		if err != nil {
			return err
		}
		if err := want("leader", string(leader.Kvs[0].Value), "first"); err != nil {
			return err
		}
		if err := first.Resign(ctx); err != nil {
			return err
		}
		if err := <-won; err != nil {
			return err
		}
		leader, err = first.Leader(ctx)
		if err != nil {
			return err
		}
		return want("leader", string(leader.Kvs[0].Value), "second")
	})
	if failed > 0 {
		os.Exit(1)
	}
}
