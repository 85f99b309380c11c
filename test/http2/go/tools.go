//go:build tools

// Package tools pins the programs that test the transport from outside; they are built as they are.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
)
