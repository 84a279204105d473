package journal

import (
	"fmt"
	"iter"

	"github.com/grouprl/grouprl/rollout"
)

// Entry is one record of a journal, as Read yields it.
type Entry struct {
	Position
	Kind    string         // "run", "group", "take", "commit" or "keys"
	Run     string         // of a run
	Group   *rollout.Group // of a group
	Keys    []Key          // of a group's completions; of the first completions of the groups that a take takes; of completions that a compaction left behind
	Dropped []Key          // of the first completions of the groups that a take drops
	Step    int64          // of a take or a commit
}

// Read yields what the journal in the folder dir holds, in the order in which it
// became durable, and changes nothing. It needs no lock, so it may watch a run. The
// last error is a *TornError or a *CorruptError if there is damage; a record that
// cannot be understood is an error in its place.
func Read(dir string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for r, err := range ReadLog(dir) {
			e := Entry{Position: r.Position}
			if err == nil {
				err = e.parse(r.Payload)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (e *Entry) parse(b []byte) (err error) {
	d := decoder{b: b}
	switch kind := d.byte(); kind {
	case runRecord:
		e.Kind, e.Run = "run", string(d.b)
	case groupRecord:
		e.Kind, e.Keys = "group", d.keys()
		if d.err == nil {
			e.Group, d.err = ParseGroup(d.b)
		}
	case takeRecord:
		e.Kind, e.Step, e.Keys, e.Dropped = "take", d.int64(), d.keys(), d.keys()
	case commitRecord:
		e.Kind, e.Step = "commit", d.int64()
	case keysRecord:
		e.Kind, e.Keys = "keys", d.keys()
	default:
		d.fail(fmt.Errorf("unknown kind %q", kind))
	}
	if d.err != nil {
		return fmt.Errorf("journal: record at byte %d: %w", e.Offset, d.err)
	}
	return nil
}
