// The Go client program of tutorials: three endpoints, a dial timeout of 5 s, a put, a get, a comparison.
// Endpoints are its arguments.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func main() {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   os.Args[1:],
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		fmt.Println("cannot connect:", err)
		os.Exit(1)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	want := "a value"
	if _, err := client.Put(ctx, "/test/key", want); err != nil {
		fmt.Println("cannot put:", err)
		os.Exit(1)
	}
	answer, err := client.Get(ctx, "/test/key")
	if err != nil {
		fmt.Println("cannot get:", err)
		os.Exit(1)
	}
	for _, pair := range answer.Kvs {
		if string(pair.Key) == "/test/key" && string(pair.Value) == want {
			fmt.Println("equal")
			return
		}
	}
	fmt.Println("not equal")
	os.Exit(1)
}
