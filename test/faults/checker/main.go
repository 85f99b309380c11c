// Checks a recorded history for linearizability with Porcupine, key by key, and that revisions
// follow real time across all keys. Reads JSON lines from the file named; prints one JSON line;
// exits with 0 if the history is linearizable, 1 if it is not, 2 if it cannot tell.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// One operation. Return is 0 for an outcome nobody knows: it stays open to the end of the history.
type operation struct {
	Client   int     `json:"client"`
	Call     int64   `json:"call"`   // ns
	Return   int64   `json:"return"` // ns
	Kind     string  `json:"kind"`   // get, put, delete, cas, revoke
	Key      string  `json:"key"`
	Value    string  `json:"value"`    // put, cas: unique in the history; revoke: the beginning of the values that go
	Expect   *string `json:"expect"`   // cas: the value compared with, null for "no such key"
	Found    *string `json:"found"`    // get, and cas that failed: what was there
	Success  bool    `json:"success"`  // cas
	Revision int64   `json:"revision"` // of an acknowledged write, 0 if it changed nothing
	Unknown  bool    `json:"unknown"`
}

const absent = "\x00absent"

func text(value *string) string {
	if value == nil {
		return absent
	}
	return *value
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		keys := map[string][]porcupine.Operation{}
		for _, one := range history {
			key := one.Input.(operation).Key
			keys[key] = append(keys[key], one)
		}
		parts := make([][]porcupine.Operation, 0, len(keys))
		for _, part := range keys {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() interface{} { return absent },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		now, op := state.(string), input.(operation)
		switch op.Kind {
		case "get":
			return op.Unknown || text(op.Found) == now, now
		case "put":
			return true, op.Value
		case "delete":
			return true, absent
		case "revoke":
			if strings.HasPrefix(now, op.Value) {
				return true, absent
			}
			return true, now
		case "cas":
			holds := text(op.Expect) == now
			if op.Unknown {
				if holds {
					return true, op.Value
				}
				return true, now
			}
			if op.Success {
				return holds, op.Value
			}
			return !holds && text(op.Found) == now, now
		}
		panic("unknown kind of operation: " + op.Kind)
	},
	Equal: func(a, b interface{}) bool { return a == b },
	DescribeOperation: func(input, output interface{}) string {
		op := input.(operation)
		return fmt.Sprintf("%s %s %q expect=%q found=%q success=%v unknown=%v", op.Kind, op.Key,
			op.Value, text(op.Expect), text(op.Found), op.Success, op.Unknown)
	},
}

// An acknowledged write that began after another had returned has a higher revision.
func revisionsFollowTime(history []operation) (operation, operation, bool) {
	writes := []operation{}
	for _, one := range history {
		if !one.Unknown && one.Revision > 0 {
			writes = append(writes, one)
		}
	}
	byCall := append([]operation(nil), writes...)
	sort.Slice(byCall, func(i, j int) bool { return byCall[i].Call < byCall[j].Call })
	byReturn := append([]operation(nil), writes...)
	sort.Slice(byReturn, func(i, j int) bool { return byReturn[i].Return < byReturn[j].Return })
	var highest operation
	next := 0
	for _, one := range byCall {
		for next < len(byReturn) && byReturn[next].Return < one.Call {
			if byReturn[next].Revision > highest.Revision {
				highest = byReturn[next]
			}
			next++
		}
		if highest.Revision >= one.Revision {
			return highest, one, false
		}
	}
	return operation{}, operation{}, true
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "checker:", err)
	os.Exit(2)
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: checker HISTORY [PICTURE.html]"))
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		fail(err)
	}
	history, operations := []operation{}, []porcupine.Operation{}
	last := int64(0)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var one operation
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			fail(err)
		}
		history = append(history, one)
		if one.Return > last {
			last = one.Return
		}
		if one.Call > last {
			last = one.Call
		}
	}
	unknown := 0
	for _, one := range history {
		ret := one.Return
		if one.Unknown {
			unknown++
			if one.Kind == "get" {
				continue
			}
			ret = last + 1
		}
		operations = append(operations, porcupine.Operation{
			ClientId: one.Client, Input: one, Call: one.Call, Output: one, Return: ret})
	}
	// Without a picture the first key that is wrong ends the search; the others may take long.
	result := porcupine.CheckOperationsTimeout(model, operations, 3*time.Minute)
	if len(os.Args) > 2 {
		_, info := porcupine.CheckOperationsVerbose(model, operations, 4*time.Minute)
		if err := porcupine.VisualizePath(model, info, os.Args[2]); err != nil {
			fail(err)
		}
	}
	earlier, later, ordered := revisionsFollowTime(history)
	verdict := map[string]any{"operations": len(history), "unknown": unknown,
		"linearizable": string(result), "revisionsFollowTime": ordered}
	if !ordered {
		verdict["earlier"], verdict["later"] = earlier, later
	}
	line, err := json.Marshal(verdict)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
	switch {
	case result == porcupine.Illegal || !ordered:
		os.Exit(1)
	case result == porcupine.Unknown:
		os.Exit(2)
	}
}
