package sandbox

import (
	"encoding/binary"
	"errors"
	"time"
)

// Messages between a session and its supervisor, little-endian:
//
//	request  op byte ('L' load, 'R' run), flags byte (1: no prelude, 2: the last run), 6 zero bytes, then
//	         int64 wall ns, memory, output, stack, threads, files; then the entry's name.
//	         Descriptors: stdin (or the source), stdout, stderr, and the value's (with an
//	         entry) or the compiled program's (with 'L')
//	reply    'd', ready byte, late byte, 0, int32 wait status, int64 cpu ns, wall ns,
//	         peak bytes (0: it compiled, and goes on as the first run), 0; or 'e' and a
//	         text, for a failure of its own
const (
	requestSize = 8 + 6*8
	replySize   = 8 + 4*8
)

// reply is the supervisor's account of one child.
type reply struct {
	Ready  bool // limits were in force before the first submitted byte was read
	Late   bool // killed at the wall limit
	Status int32
	CPU    time.Duration
	Wall   time.Duration
	Memory int64
}

// The flags of a request.
const (
	flagStrict = 1
	flagLast   = 2
)

var errFrame = errors.New("malformed reply from the supervisor")

func appendRequest(dst []byte, op byte, p *Program, l Limits) []byte {
	var flags byte
	if p.Strict {
		flags = flagStrict
	}
	dst = append(dst, op, flags, 0, 0, 0, 0, 0, 0)
	for _, n := range [6]int64{int64(l.Wall), l.Memory, l.Output, l.Stack, int64(l.Threads), int64(l.Files)} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, p.Entry...)
}

func parseReply(b []byte) (r reply, err error) {
	if len(b) != replySize || b[0] != 'd' || b[1] > 1 || b[2] > 1 || b[3] != 0 {
		return r, errFrame
	}
	u64 := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	r = reply{
		Ready: b[1] == 1, Late: b[2] == 1, Status: int32(binary.LittleEndian.Uint32(b[4:])),
		CPU: time.Duration(u64(8)), Wall: time.Duration(u64(16)), Memory: u64(24),
	}
	if r.CPU < 0 || r.Wall < 0 || r.Memory < 0 || u64(32) != 0 {
		return reply{}, errFrame
	}
	return r, nil
}
