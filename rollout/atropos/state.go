package atropos

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/grouprl/grouprl/rollout/journal"
)

// A state is all that a server knows, but for the groups' contents. It changes by
// records alone, so a server that reads its journal again is where it was.
type state struct {
	Trainer   *Registration // nil: none has registered since the start, or the last reset
	Known     Registration  // what the last one registered, which a reset does not forget
	Started   bool          // the trainer has asked for a batch
	Step      int
	Envs      []environment
	Queue     []item
	Buffers   map[int][]item // by environment: groups that are not of its group size
	Formed    [][]item       // batches not handed out, oldest first
	Latest    item           // the last group that entered the queue; ID 0: none
	Next      int64          // ID of the next group, from 1
	Delivered []delivery     // the last ones, oldest first

	content   map[int64]content
	delivered map[delivery]bool
}

// An environment is a row of the table of environments; its index is its ID.
type environment struct {
	EnvRegistration
	Name      string
	Connected bool
}

// content is where a group's JSON is: in memory, or in the journal.
type content struct {
	json []byte
	at   journal.Position
	skip int // bytes of the record before it
}

// A delivery identifies one group of one post, so that a post that is repeated
// because its answer was lost enters once.
type delivery [16]byte

// remember is how many deliveries are.
const remember = 1 << 14

// Kinds of records.
const (
	registerRecord   = 'r' // JSON of a Registration
	startRecord      = 's'
	envRecord        = 'e' // JSON of an EnvRegistration
	disconnectRecord = 'd' // environment
	sizeRecord       = 'z' // environment, group size
	groupRecord      = 'g' // delivery, size, environment or -1, JSON
	formRecord       = 'b' // JSON of the batches: lists of IDs
	handRecord       = 'h' // ID of the first group of the batch
	resetRecord      = 'x'
	stateRecord      = 'S' // JSON of the state: what a compaction begins with
	contentRecord    = 'c' // ID, JSON
)

func newState() *state {
	return &state{Next: 1, Known: Registration{BatchSize: -1, MaxTokenLen: -1, NumSteps: -1}, Buffers: map[int][]item{}, content: map[int64]content{}, delivered: map[delivery]bool{}}
}

// payload is the record of a group, in the room before its JSON. It may be asked for
// once.
func (g *posting) payload(d delivery) []byte {
	head := make([]byte, 0, recordRoom)
	head = append(append(head, groupRecord), d[:]...)
	head = binary.AppendVarint(head, int64(g.size))
	env := int64(-1)
	if g.env != nil {
		env = int64(*g.env)
	}
	head = binary.AppendVarint(head, env)
	b := g.room[recordRoom-len(head):]
	copy(b, head)
	return b
}

func numbers(kind byte, n ...int64) []byte {
	b := []byte{kind}
	for _, v := range n {
		b = binary.AppendVarint(b, v)
	}
	return b
}

func object(kind byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of finite numbers
	}
	return append([]byte{kind}, b...)
}

// apply changes the state by one record and returns the answer, if it has one.
// inMemory says that the journal does not keep the payload.
func (s *state) apply(at journal.Position, b []byte, inMemory bool) (reply any, err error) {
	bad := func(why any) error { return fmt.Errorf("atropos: record at byte %d: %v", at.Offset, why) }
	if len(b) == 0 {
		return nil, bad("empty")
	}
	rest := b[1:]
	number := func() int64 {
		v, n := binary.Varint(rest)
		if n <= 0 {
			err = bad("it ends early")
			rest = nil
			return 0
		}
		rest = rest[n:]
		return v
	}
	keep := func() content {
		if inMemory {
			return content{json: rest}
		}
		return content{at: at, skip: len(b) - len(rest)}
	}
	switch b[0] {
	case registerRecord:
		var r Registration
		if err := json.Unmarshal(rest, &r); err != nil {
			return nil, bad(err)
		}
		if s.Trainer == nil {
			s.Trainer, s.Known, s.Step, s.Started = &r, r, r.StartingStep, false
			s.Envs, s.Formed, s.Buffers = nil, nil, map[int][]item{}
			s.forget()
		}
	case startRecord:
		s.Started = true
	case envRecord:
		var e EnvRegistration
		if err := json.Unmarshal(rest, &e); err != nil {
			return nil, bad(err)
		}
		same := 0
		for i := range s.Envs {
			if s.Envs[i].DesiredName == e.DesiredName {
				same++
			}
		}
		s.Envs = append(s.Envs, environment{e, fmt.Sprintf("%s_%d", e.DesiredName, same), true})
		return EnvInfo{len(s.Envs) - 1, s.Envs[len(s.Envs)-1].Name, s.Known.CheckpointDir, s.Step, s.Known.SaveCheckpointInterval, s.Known.NumSteps}, nil
	case disconnectRecord:
		if id := number(); err == nil && id >= 0 && id < int64(len(s.Envs)) {
			s.Envs[id].Connected = false
		}
	case sizeRecord:
		id, size := number(), number()
		if err == nil && id >= 0 && id < int64(len(s.Envs)) && size > 0 && size <= math.MaxInt32 {
			s.Envs[id].GroupSize = int(size)
		}
	case groupRecord:
		var d delivery
		if len(rest) < len(d) {
			return nil, bad("it ends early")
		}
		copy(d[:], rest)
		rest = rest[len(d):]
		size, env := number(), number()
		if err != nil || size <= 0 || size > math.MaxInt32 {
			return nil, bad("not a group")
		}
		if d != (delivery{}) {
			if s.delivered[d] {
				return received{Status: "received"}, nil
			}
			s.remember(d)
		}
		it := item{s.Next, int(size), int(max(env, -1))}
		s.Next++
		s.content[it.ID] = keep()
		return s.enqueue(it), nil
	case formRecord:
		var batches [][]int64
		if err := json.Unmarshal(rest, &batches); err != nil {
			return nil, bad(err)
		}
		waiting := map[int64]item{}
		for _, it := range s.Queue {
			waiting[it.ID] = it
		}
		for _, ids := range batches {
			var batch []item
			for _, id := range ids {
				if it, ok := waiting[id]; ok {
					batch = append(batch, it)
					delete(waiting, id)
				}
			}
			if len(batch) > 0 {
				s.Formed = append(s.Formed, batch)
				s.Step++
			}
		}
		s.Queue = slices.DeleteFunc(s.Queue, func(it item) bool { _, ok := waiting[it.ID]; return !ok })
	case handRecord:
		first := number()
		for i, batch := range s.Formed {
			if batch[0].ID == first {
				s.Formed = slices.Delete(s.Formed, i, i+1)
				s.forget()
				break
			}
		}
	case resetRecord:
		s.Known.WandbGroup, s.Known.WandbProject = "", ""
		s.Known.BatchSize, s.Known.NumSteps = -1, -1
		s.Trainer, s.Step, s.Started = nil, 0, false
		s.Envs, s.Queue, s.Formed, s.Buffers = nil, nil, nil, map[int][]item{}
		s.forget()
	case stateRecord:
		fresh := newState()
		if err := json.Unmarshal(rest, fresh); err != nil {
			return nil, bad(err)
		}
		if slices.ContainsFunc(fresh.Formed, func(b []item) bool { return len(b) == 0 }) {
			return nil, bad("an empty batch")
		}
		*s = *fresh
		for _, d := range s.Delivered {
			s.delivered[d] = true
		}
	case contentRecord:
		if id := number(); err == nil {
			s.content[id] = keep()
		}
	default:
		return nil, bad(fmt.Sprintf("unknown kind %q", b[0]))
	}
	return nil, err
}

// received is the answer to a group. A pointer, so that 0 is written too.
type received struct {
	Status string `json:"status"`
	Buffer *int   `json:"buffer_size,omitempty"` // sequences that wait to make up a group
}

// enqueue puts a group into the queue, or into its environment's buffer if it is not
// of the registered size; groups there that add up to it leave it together.
func (s *state) enqueue(it item) received {
	if it.Env < 0 || it.Env >= len(s.Envs) || it.Size == s.Envs[it.Env].GroupSize {
		s.Queue = append(s.Queue, it)
		s.Latest = it
		return received{Status: "received"}
	}
	buffer := append(s.Buffers[it.Env], it)
	var rest []item
	chosen := sumTo(buffer, s.Envs[it.Env].GroupSize)
	left := 0
	for i, b := range buffer {
		if slices.Contains(chosen, i) {
			s.Queue = append(s.Queue, b)
			s.Latest = b
		} else {
			rest = append(rest, b)
			left += b.Size
		}
	}
	s.Buffers[it.Env] = rest
	return received{"buffered", &left}
}

func (s *state) remember(d delivery) {
	s.delivered[d] = true
	s.Delivered = append(s.Delivered, d)
	if len(s.Delivered) > 2*remember {
		for _, d := range s.Delivered[:remember] {
			delete(s.delivered, d)
		}
		s.Delivered = slices.Clone(s.Delivered[remember:])
	}
}

// each calls f for every group whose content is still wanted.
func (s *state) each(f func(it item)) {
	for _, it := range s.Queue {
		f(it)
	}
	for _, b := range s.Buffers {
		for _, it := range b {
			f(it)
		}
	}
	for _, b := range s.Formed {
		for _, it := range b {
			f(it)
		}
	}
	if s.Latest.ID != 0 {
		f(s.Latest)
	}
}

// forget lets go of contents that nothing refers to.
func (s *state) forget() {
	wanted := map[int64]content{}
	s.each(func(it item) { wanted[it.ID] = s.content[it.ID] })
	s.content = wanted
}

// groups counts those that wait, wherever.
func (s *state) groups() int {
	n := len(s.Queue)
	for _, b := range s.Buffers {
		n += len(b)
	}
	for _, b := range s.Formed {
		n += len(b)
	}
	return n
}

// form returns the batches that can be formed now, as lists of IDs.
func (s *state) form() (batches [][]int64) {
	if s.Trainer == nil || s.Trainer.BatchSize <= 0 {
		return nil
	}
	var shares []share
	for id, e := range s.Envs {
		if e.Connected && e.MinBatchAllocation != nil {
			shares = append(shares, share{id, *e.MinBatchAllocation})
		}
	}
	queue := slices.Clone(s.Queue)
	for {
		chosen := grabShares(queue, s.Trainer.BatchSize, shares)
		if chosen == nil {
			return batches
		}
		ids := make([]int64, len(chosen))
		gone := map[int64]bool{}
		for k, i := range chosen {
			ids[k] = queue[i].ID
			gone[ids[k]] = true
		}
		batches = append(batches, ids)
		queue = slices.DeleteFunc(queue, func(it item) bool { return gone[it.ID] })
	}
}

// envStatus is the state as environment id sees it, and the group size that the
// server assumes of it from now on: the largest group of it that waits.
func (s *state) envStatus(id int) (EnvStatus, int) {
	e := s.Envs[id]
	total, promised := 0.0, 0.0
	for _, o := range s.Envs {
		if o.Connected {
			total += float64(o.MaxTokenLength) * max(0, o.Weight)
			if o.MinBatchAllocation != nil {
				promised += *o.MinBatchAllocation
			}
		}
	}
	weight := 0.0 // the reference server divides by zero if nobody is connected
	if total > 0 {
		weight = float64(e.MaxTokenLength) * e.Weight / total
	}
	size, own := e.GroupSize, 0
	others := map[int]int{} // sequences
	for _, it := range s.Queue {
		if it.Env == id {
			size = max(size, it.Size)
			own += it.Size
		} else {
			others[it.Env] += it.Size
		}
	}
	most := max(1, largest(s.Queue))
	available := own
	if most > 1 {
		for env, n := range others {
			packed := (n + most - 1) / most * most
			least := 0
			if env >= 0 && env < len(s.Envs) && s.Envs[env].Connected && s.Envs[env].MinBatchAllocation != nil {
				least = int(float64(s.Known.BatchSize) * *s.Envs[env].MinBatchAllocation)
			}
			available += max(0, packed-least)
		}
	}
	size = max(size, 1)
	return EnvStatus{
		Step: s.Step, Queue: available / size, OwnQueue: own / size, MaxGroupSize: most,
		UnallocatedFraction: 1 - min(promised, 1), Weight: max(0.01, weight),
	}, size
}
