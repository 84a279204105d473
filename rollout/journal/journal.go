// Package journal keeps verified groups through a crash.
//
//	j, err := journal.Open("run/journal", journal.Options{Run: "nouscoder-14b"})
//	for g, err := range j.Through(groups) { ... }    // durable before it is seen
//	step, err := j.Take(12, 16, nil)                 // the oldest 16 that wait are step 12's
//	...                                              // train, save a checkpoint of step 12
//	err = j.Commit(12)                               // step 12 will not be asked for again
//
// What holds, through kill -9 and power loss at any moment:
//
//   - A group that Append has returned for is there until its step is committed or it is dropped.
//   - A completion enters once: its Key is remembered for the whole run, so a group that arrives again, in this process or the next, is not trained on twice.
//   - Take(step) returns the same groups in the same order, to the bit, until the step is committed: a run that resumes from the checkpoint before a step replays the step.
//
// So save the checkpoint first and commit after it. A trainer that saves one
// checkpoint in ten steps commits every tenth step, which commits those before it.
//
// Groups are on the disk, not in memory; what stays in memory is an index, about
// 100 bytes for each completion of the run. Committed groups leave the disk when a
// compaction rewrites the file.
//
// Below Journal lies Log, records of any bytes under the same guarantees, for
// servers with a state of their own.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
)

// Options of a Journal. The zero value is ready.
type Options struct {
	Run     string                           // enters every key, and must be the same whenever the journal is opened
	Problem func(id string) *rollout.Problem // brings the problem of a group that is read back, nil if unknown; nil: the journalled text, whose tests are ErrTests
	Compact int64                            // bytes of committed groups that make Commit rewrite the file, if they are also more than half of it; 0: 64 MiB, negative: only Compact does
	Salvage bool                             // open a damaged file without what is damaged, instead of a *CorruptError: a step taken before may then lack groups
}

// Journal is the store of one run's verified groups. It is used by any number of
// goroutines, and by one process at a time.
type Journal struct {
	Options
	log *Log

	steps sync.Mutex // Take, Commit and Compact: one at a time

	mu        sync.Mutex
	named     bool             // the run's record is there
	keys      map[Key]struct{} // of every completion that was ever appended
	entries   map[Key]*entry   // by the key of their first completion: those that wait or are taken
	waiting   []*entry         // in the order of the file
	taken     map[int64][]*entry
	committed int64          // the last step that was; none: math.MinInt64
	live      int64          // bytes of entries
	retired   int64          // bytes of keys that stand in no group's record: a compaction keeps them
	arriving  map[*byte]bool // payloads of Append: whether they turned out to be new
}

// An entry is a group on the disk.
type entry struct {
	keys []Key
	at   Position
}

// Kinds of records: the first byte of a payload.
const (
	runRecord    = 'R' // the run's name
	groupRecord  = 'G' // number of keys, keys, the group
	takeRecord   = 'T' // step, number and first keys of the groups taken, number and first keys of the groups dropped
	commitRecord = 'C' // step
	keysRecord   = 'K' // number of keys, keys: of groups that a compaction left out
)

// Open opens the journal in the folder dir and makes one (modes 0700 and 0600) if
// there is none.
//
// Errors: *LockedError, *CorruptError, *RunError, *WriteError.
func Open(dir string, o Options) (*Journal, error) {
	return open(dir, o, func(apply func(Position, []byte) error) (*Log, error) {
		return OpenLog(dir, LogOptions{Salvage: o.Salvage}, apply)
	})
}

func open(dir string, o Options, openLog func(apply func(Position, []byte) error) (*Log, error)) (*Journal, error) {
	if o.Compact == 0 {
		o.Compact = 64 << 20
	}
	j := &Journal{
		Options:   o,
		keys:      make(map[Key]struct{}),
		entries:   make(map[Key]*entry),
		taken:     make(map[int64][]*entry),
		committed: math.MinInt64,
		arriving:  make(map[*byte]bool),
	}
	var err error
	if j.log, err = openLog(func(p Position, b []byte) error {
		err := j.apply(p, b)
		if e, ok := err.(*RunError); ok {
			e.Path = dir
		}
		return err
	}); err != nil {
		return nil, err
	}
	if !j.named {
		if err := j.log.Append(append([]byte{runRecord}, o.Run...)); err != nil {
			j.log.Close()
			return nil, err
		}
	}
	return j, nil
}

// apply brings the state up to date with a record. It is all that changes it.
func (j *Journal) apply(p Position, b []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	kind, d := byte(0), decoder{b: b}
	kind = d.byte()
	switch kind {
	case runRecord:
		if run := string(d.take(len(d.b))); run != j.Run {
			return &RunError{Run: run, Want: j.Run}
		}
		j.named = true
	case groupRecord:
		keys := d.keys()
		if d.err != nil || len(keys) == 0 {
			break
		}
		if j.known(keys) {
			return nil // it was on its way twice
		}
		e := &entry{keys, p}
		for _, k := range keys {
			j.keys[k] = struct{}{}
		}
		j.entries[keys[0]] = e
		j.waiting = append(j.waiting, e)
		j.live += p.Size()
		if _, ok := j.arriving[&b[0]]; ok {
			j.arriving[&b[0]] = true
		}
	case takeRecord:
		step, taken, dropped := d.int64(), d.keys(), d.keys()
		if d.err != nil {
			break
		}
		gone := make(map[*entry]bool)
		var of []*entry
		for _, k := range taken {
			if e := j.entries[k]; e != nil && !gone[e] {
				gone[e] = true
				of = append(of, e)
			}
		}
		for _, k := range dropped {
			if e := j.entries[k]; e != nil && !gone[e] {
				gone[e] = true
				j.release(e)
			}
		}
		j.waiting = slices.DeleteFunc(j.waiting, func(e *entry) bool { return gone[e] })
		if len(of) > 0 {
			j.taken[step] = append(j.taken[step], of...)
		}
	case commitRecord:
		step := d.int64()
		if d.err != nil {
			break
		}
		j.committed = max(j.committed, step)
		for s, entries := range j.taken {
			if s <= step {
				for _, e := range entries {
					j.release(e)
				}
				delete(j.taken, s)
			}
		}
	case keysRecord:
		for _, k := range d.keys() {
			j.keys[k] = struct{}{}
		}
		j.retired += p.Size()
	default:
		if d.err == nil {
			d.fail(fmt.Errorf("unknown kind %q", kind))
		}
	}
	if d.err != nil {
		return fmt.Errorf("journal: record at byte %d: %w", p.Offset, d.err)
	}
	return nil
}

// known reports whether one of the completions was appended before.
func (j *Journal) known(keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { _, ok := j.keys[k]; return ok })
}

func (j *Journal) release(e *entry) {
	delete(j.entries, e.keys[0])
	j.live -= e.at.Size()
}

// Append makes groups durable. A group of which a completion was appended before,
// by whichever process, is a duplicate and is left out: added counts the others.
// Calls at the same time share an fsync.
//
// A group that rollout.Pack would refuse, because it could never be trained on, is
// its error (*rollout.PackError), and none of the groups is appended. Other errors:
// *WriteError, *SizeError, ErrClosed.
func (j *Journal) Append(groups ...*rollout.Group) (added int, err error) {
	var batch grpo.Batch[float32]
	var payloads [][]byte
	for _, g := range groups {
		if err := rollout.Pack(&batch, g); err != nil {
			return 0, err
		}
		keys := Keys(j.Run, g)
		j.mu.Lock()
		known := j.known(keys)
		j.mu.Unlock()
		if known {
			continue
		}
		b, err := AppendGroup(appendKeys([]byte{groupRecord}, keys), g)
		if err != nil {
			return 0, err
		}
		payloads = append(payloads, b)
	}
	j.mu.Lock()
	for _, b := range payloads {
		j.arriving[&b[0]] = false
	}
	j.mu.Unlock()
	err = j.log.Append(payloads...)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range payloads {
		if j.arriving[&b[0]] { // otherwise the same group came another way meanwhile
			added++
		}
		delete(j.arriving, &b[0])
	}
	return added, err
}

// Through appends each group of in before it yields it, and leaves duplicates out.
// Errors of in pass through. An error of Append is yielded and ends the range: no
// group that is not durable is seen.
func (j *Journal) Through(in iter.Seq2[*rollout.Group, error]) iter.Seq2[*rollout.Group, error] {
	return func(yield func(*rollout.Group, error) bool) {
		for g, err := range in {
			if err == nil {
				added, failed := j.Append(g)
				if failed != nil {
					yield(nil, failed)
					return
				}
				if added == 0 {
					continue
				}
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

// Has reports whether the completion with key k was ever appended.
func (j *Journal) Has(k Key) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.keys[k]
	return ok
}

// Waiting counts the groups that no step has taken.
func (j *Journal) Waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// Committed is the last committed step; ok is false if there is none.
func (j *Journal) Committed() (step int64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.committed, j.committed != math.MinInt64
}

// Steps returns the steps that are taken and not committed, in order: those that a
// resumed run replays.
func (j *Journal) Steps() []int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	steps := make([]int64, 0, len(j.taken))
	for s := range j.taken {
		steps = append(steps, s)
	}
	slices.Sort(steps)
	return steps
}

// Take returns the groups of a step. The first time these are the oldest n waiting
// groups that keep accepts (n = 0: all of them; a nil keep accepts every one), and
// the step is durable before Take returns. Groups that keep refuses on the way are
// dropped for good: stale ones (rollout.Staleness), or such without a signal.
// From then on, in this process and the next, Take returns the same groups whatever
// n and keep are, until the step is committed.
//
// Errors: *ShortError if fewer than n are left (those that keep refused are
// dropped, the others wait), *StepError for a committed step, *WriteError, and
// *CorruptError if the disk returns something else than was written.
func (j *Journal) Take(step int64, n int, keep func(*rollout.Group) bool) ([]*rollout.Group, error) {
	j.steps.Lock()
	defer j.steps.Unlock()
	if n < 0 {
		return nil, &StepError{step, fmt.Sprintf("%d groups asked for", n)}
	}
	j.mu.Lock()
	committed, replay, waiting := j.committed, j.taken[step], slices.Clone(j.waiting)
	j.mu.Unlock()
	if step <= committed {
		return nil, &StepError{step, fmt.Sprintf("step %d is committed", committed)}
	}
	var groups []*rollout.Group
	if replay != nil {
		for _, e := range replay {
			g, err := j.read(e)
			if err != nil {
				return nil, err
			}
			groups = append(groups, g)
		}
		return groups, nil
	}
	var taken, dropped []Key
	for _, e := range waiting {
		if n > 0 && len(groups) == n {
			break
		}
		g, err := j.read(e)
		if err != nil {
			return nil, err
		}
		if keep != nil && !keep(g) {
			dropped = append(dropped, e.keys[0])
			continue
		}
		groups = append(groups, g)
		taken = append(taken, e.keys[0])
	}
	short := len(groups) < max(n, 1)
	if short {
		taken = nil
	}
	if len(taken)+len(dropped) > 0 {
		b := binary.AppendVarint([]byte{takeRecord}, step)
		if err := j.log.Append(appendKeys(appendKeys(b, taken), dropped)); err != nil {
			return nil, err
		}
	}
	if short {
		return nil, &ShortError{Step: step, Have: len(groups), Want: max(n, 1)}
	}
	return groups, nil
}

func (j *Journal) read(e *entry) (*rollout.Group, error) {
	b, err := j.log.Read(e.at)
	if err != nil {
		return nil, err
	}
	g, err := parseGroupRecord(b)
	if err != nil {
		return nil, err
	}
	if j.Problem != nil {
		if p := j.Problem(g.Problem.ID); p != nil {
			g.Problem = p
		}
	}
	return g, nil
}

func parseGroupRecord(b []byte) (*rollout.Group, error) {
	d := decoder{b: b}
	if kind := d.byte(); kind != groupRecord {
		return nil, fmt.Errorf("journal: a record of kind %q where a group should be", kind)
	}
	d.keys()
	if d.err != nil {
		return nil, fmt.Errorf("journal: not a group: %w", d.err)
	}
	return ParseGroup(d.b)
}

// Commit says that a step, and every one before it, will not be asked for again:
// call it when a checkpoint that contains the step is durable. A second Commit of a
// step does nothing. It compacts the file when Options.Compact says so; an error of
// the compaction is returned, and the step is committed all the same.
func (j *Journal) Commit(step int64) error {
	j.steps.Lock()
	defer j.steps.Unlock()
	j.mu.Lock()
	done := step <= j.committed
	j.mu.Unlock()
	if done {
		return nil
	}
	if err := j.log.Append(binary.AppendVarint([]byte{commitRecord}, step)); err != nil {
		return err
	}
	j.mu.Lock()
	live := j.live + j.retired
	j.mu.Unlock()
	if dead := j.log.Size() - live; j.Options.Compact > 0 && dead > j.Options.Compact && dead > live {
		return j.compact()
	}
	return nil
}

// Compact rewrites the file without the groups that are committed or dropped. Their
// keys stay. Appends wait meanwhile.
func (j *Journal) Compact() error {
	j.steps.Lock()
	defer j.steps.Unlock()
	return j.compact()
}

func (j *Journal) compact() error {
	return j.log.Rewrite(func(keep func([]byte) (Position, error)) (func(), error) {
		j.mu.Lock()
		defer j.mu.Unlock()
		var err error
		put := func(b []byte) (p Position) {
			if err == nil {
				p, err = keep(b)
			}
			return p
		}
		put(append([]byte{runRecord}, j.Run...))
		var steps []int64
		var entries []*entry
		kept := make(map[Key]struct{}) // keys that stand in a group's record
		for step := range j.taken {
			steps = append(steps, step)
		}
		slices.Sort(steps)
		for _, step := range steps {
			entries = append(entries, j.taken[step]...)
		}
		entries = append(entries, j.waiting...)
		for _, e := range entries {
			for _, k := range e.keys {
				kept[k] = struct{}{}
			}
		}
		var retired []Key
		for k := range j.keys {
			if _, ok := kept[k]; !ok {
				retired = append(retired, k)
			}
		}
		slices.SortFunc(retired, func(a, b Key) int { return slices.Compare(a[:], b[:]) })
		keys := int64(0)
		for chunk := range slices.Chunk(retired, 1<<16) {
			p := put(appendKeys([]byte{keysRecord}, chunk))
			keys += p.Size()
		}
		if j.committed != math.MinInt64 {
			put(binary.AppendVarint([]byte{commitRecord}, j.committed))
		}
		moved := make([]Position, len(entries))
		for i, e := range entries {
			b, failed := j.log.Read(e.at)
			if err = errors.Join(err, failed); err != nil {
				return nil, err
			}
			moved[i] = put(b)
		}
		for _, step := range steps {
			var taken []Key
			for _, e := range j.taken[step] {
				taken = append(taken, e.keys[0])
			}
			put(appendKeys(appendKeys(binary.AppendVarint([]byte{takeRecord}, step), taken), nil))
		}
		return func() {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.retired = keys
			for i, e := range entries {
				e.at = moved[i]
			}
		}, err
	})
}

// Close closes the file, after what is under way.
func (j *Journal) Close() error {
	j.steps.Lock()
	defer j.steps.Unlock()
	return j.log.Close()
}

func appendKeys(dst []byte, keys []Key) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for i := range keys {
		dst = append(dst, keys[i][:]...)
	}
	return dst
}

func (d *decoder) keys() []Key {
	n := d.uvarint()
	if n > uint64(len(d.b)/len(Key{})) {
		d.fail(errShort)
		return nil
	}
	keys := make([]Key, n)
	for i := range keys {
		copy(keys[i][:], d.take(len(Key{})))
	}
	return keys
}
