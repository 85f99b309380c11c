// Hosts members of etcd's own raft for a simulated group: one command a line on standard input, what
// came of it on standard output, ended by a line "end". All randomness comes from the seed given as
// the only argument, so that a run repeats exactly.
//
//	new ID VOTERS | tick ID | propose ID TEXT | read ID TEXT | transfer ID TO | conf ID TYPE NODE
//	step ID MESSAGE | unreachable ID PEER | snapfail ID PEER | snapok ID PEER | compact ID | restart ID
//	status ID
//
// answered by any number of
//
//	msg FROM TO TYPE MESSAGE | apply ID INDEX TERM TYPE DATA | read ID INDEX TEXT | snap ID INDEX
//	status ID JSON
//	end ID TERM STATE VOTERS
//
// with messages and data in base64, lists joined by commas.
package main

import (
	"bufio"
	cryptorand "crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

type member struct {
	id      uint64
	node    *raft.RawNode
	storage *raft.MemoryStorage
	config  *raftpb.ConfState
	applied uint64
}

func main() {
	log.SetOutput(io.Discard)
	raft.SetLogger(&raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)})
	var seed [32]byte
	copy(seed[:], os.Args[1])
	// Election timeouts are drawn from this reader.
	cryptorand.Reader = rand.NewChaCha8(seed)

	members := map[uint64]*member{}
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		id := number(words[1])
		if words[0] == "new" {
			members[id] = newMember(id, words[2])
		} else {
			members[id].do(words)
		}
		members[id].drain(out)
		if words[0] == "status" {
			status := strings.ReplaceAll(members[id].node.Status().String(), " ", "")
			last, _ := members[id].storage.LastIndex()
			fmt.Fprintf(out, "status %d last=%d%s\n", id, last, status)
		}
		members[id].end(out)
		if err := out.Flush(); err != nil {
			panic(err)
		}
	}
}

func newMember(id uint64, voters string) *member {
	config := &raftpb.ConfState{}
	for _, voter := range strings.Split(voters, ",") {
		config.Voters = append(config.Voters, number(voter))
	}
	one := uint64(1)
	storage := raft.NewMemoryStorage()
	check(storage.ApplySnapshot(&raftpb.Snapshot{
		Metadata: &raftpb.SnapshotMetadata{ConfState: config, Index: &one, Term: &one},
	}))
	check(storage.SetHardState(&raftpb.HardState{Term: &one, Commit: &one}))
	m := &member{id: id, storage: storage, config: config, applied: 1}
	m.start()
	return m
}

func (m *member) start() {
	node, err := raft.NewRawNode(&raft.Config{
		ID: m.id, ElectionTick: 10, HeartbeatTick: 1, Storage: m.storage, Applied: m.applied,
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 512, CheckQuorum: true, PreVote: true,
	})
	check(err)
	m.node = node
}

// What raft refuses (no leader, a dropped proposal) is no fault here.
func (m *member) do(words []string) {
	switch words[0] {
	case "tick":
		m.node.Tick()
	case "propose":
		_ = m.node.Propose([]byte(words[2]))
	case "read":
		m.node.ReadIndex([]byte(words[2]))
	case "transfer":
		m.node.TransferLeader(number(words[2]))
	case "unreachable":
		m.node.ReportUnreachable(number(words[2]))
	case "snapfail":
		m.node.ReportSnapshot(number(words[2]), raft.SnapshotFailure)
	case "snapok":
		m.node.ReportSnapshot(number(words[2]), raft.SnapshotFinish)
	case "compact":
		if m.applied > 20 {
			m.snapshot()
			if err := m.storage.Compact(m.applied - 5); err != raft.ErrCompacted {
				check(err)
			}
		}
	case "conf":
		kind := raftpb.ConfChangeType(number(words[2]))
		node := number(words[3])
		_ = m.node.ProposeConfChange(&raftpb.ConfChange{Type: kind.Enum(), NodeId: &node})
	case "restart":
		// It is the snapshot that says which configuration a member begins with.
		m.snapshot()
		m.start()
	case "status":
	case "step":
		data, err := base64.StdEncoding.DecodeString(words[2])
		check(err)
		message := &raftpb.Message{}
		check(proto.Unmarshal(data, message))
		_ = m.node.Step(message)
	default:
		panic("unknown command " + words[0])
	}
}

func (m *member) snapshot() {
	if _, err := m.storage.CreateSnapshot(m.applied, m.config, nil); err != raft.ErrSnapOutOfDate {
		check(err)
	}
}

func (m *member) drain(out io.Writer) {
	for m.node.HasReady() {
		ready := m.node.Ready()
		if !raft.IsEmptyHardState(ready.HardState) {
			check(m.storage.SetHardState(ready.HardState))
		}
		if !raft.IsEmptySnap(ready.Snapshot) {
			check(m.storage.ApplySnapshot(ready.Snapshot))
			m.applied = ready.Snapshot.GetMetadata().GetIndex()
			m.config = ready.Snapshot.GetMetadata().GetConfState()
			fmt.Fprintf(out, "snap %d %d\n", m.id, m.applied)
		}
		check(m.storage.Append(ready.Entries))
		for _, message := range ready.Messages {
			data, err := proto.Marshal(message)
			check(err)
			fmt.Fprintf(out, "msg %d %d %d %s\n", m.id, message.GetTo(), message.GetType(), text(data))
		}
		for _, read := range ready.ReadStates {
			fmt.Fprintf(out, "read %d %d %s\n", m.id, read.Index, read.RequestCtx)
		}
		for _, entry := range ready.CommittedEntries {
			m.applied = entry.GetIndex()
			if entry.GetType() == raftpb.EntryConfChange {
				m.reconfigure(entry.GetData())
			}
			fmt.Fprintf(out, "apply %d %d %d %d %s\n",
				m.id, entry.GetIndex(), entry.GetTerm(), entry.GetType(), text(entry.GetData()))
		}
		m.node.Advance(ready)
	}
}

func (m *member) end(out io.Writer) {
	status := m.node.BasicStatus()
	voters := strings.Trim(strings.ReplaceAll(fmt.Sprint(m.config.GetVoters()), " ", ","), "[]")
	fmt.Fprintf(out, "end %d %d %s %s\n", m.id, status.GetTerm(), status.RaftState, voters)
}

// A change that would leave nobody to vote is applied as none, as a server does with one it refuses.
func (m *member) reconfigure(data []byte) {
	change := &raftpb.ConfChange{}
	check(proto.Unmarshal(data, change))
	if slices.Equal(m.config.GetVoters(), []uint64{change.GetNodeId()}) &&
		change.GetType() == raftpb.ConfChangeAddLearnerNode {
		change.NodeId = nil
	}
	m.config = m.node.ApplyConfChange(change)
}

func number(word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	check(err)
	return n
}

func text(data []byte) string {
	return base64.StdEncoding.EncodeToString(data)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
