package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/grouprl/grouprl/rollout/journal"
)

// RunError is a folder that holds another run: of another name, or protocol.
type RunError struct {
	Dir        string
	Have, Want string
}

func (e *RunError) Error() string {
	return fmt.Sprintf("eval: %s holds the run %s, not %s: resume that one, or take another folder", e.Dir, e.Have, e.Want)
}

// RecordError is a record of a journal that no evaluation wrote.
type RecordError struct {
	Dir string
	Err error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("eval: %s: not a record of an evaluation: %v", e.Dir, e.Err)
}

// Unwrap returns why.
func (e *RecordError) Unwrap() error { return e.Err }

// A record is one of the three, as JSON.
type record struct {
	Run    *RunHead `json:"run,omitempty"`
	Drawn  *drawn   `json:"drawn,omitempty"`
	Judged *Sample  `json:"judged,omitempty"`
}

// RunHead says what run a folder holds.
type RunHead struct {
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
}

// String names a run in messages.
func (h RunHead) String() string {
	return fmt.Sprintf("%q (%v, seed %d)", h.Name, h.Protocol, h.Protocol.Seed)
}

// drawn is a completion, judged or not.
type drawn struct {
	Problem    string `json:"problem"`
	Sample     int    `json:"sample"`
	Text       string `json:"text"`
	Truncated  bool   `json:"truncated,omitempty"`
	Prompt     int    `json:"prompt_tokens"`
	Completion int    `json:"completion_tokens"`
}

type sampleKey struct {
	problem string
	sample  int
}

// runLog is a run's journal, and where everything stands in it. Without a folder it
// holds verdicts alone, in memory.
type runLog struct {
	dir  string
	file *journal.Log // nil: no folder

	mu      sync.Mutex
	head    *RunHead
	texts   map[sampleKey]journal.Position // of what is drawn and not judged
	samples map[sampleKey]*Sample
}

func openRunLog(dir string, head RunHead) (*runLog, error) {
	l := &runLog{dir: dir, texts: map[sampleKey]journal.Position{}, samples: map[sampleKey]*Sample{}}
	if dir == "" {
		return l, nil
	}
	var err error
	if l.file, err = journal.OpenLog(dir, journal.LogOptions{}, l.apply); err != nil {
		return nil, err
	}
	if l.head == nil {
		err = l.append(record{Run: &head})
	} else if *l.head != head {
		err = &RunError{dir, l.head.String(), head.String()}
	}
	if err != nil {
		l.file.Close()
		return nil, err
	}
	return l, nil
}

func (l *runLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// append returns when the record is durable.
func (l *runLog) append(r record) error {
	if l.file == nil {
		l.take(journal.Position{}, &r)
		return nil
	}
	payload, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return l.file.Append(payload)
}

func (l *runLog) apply(at journal.Position, payload []byte) error {
	var r record
	if err := json.Unmarshal(payload, &r); err != nil {
		return &RecordError{l.dir, err}
	}
	if r.Run == nil && l.head == nil {
		return &RecordError{l.dir, fmt.Errorf("it begins with %.40q", payload)}
	}
	l.take(at, &r)
	return nil
}

// take brings the state up to date. Of two records of one sample the first counts.
func (l *runLog) take(at journal.Position, r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.Run != nil:
		l.head = r.Run
	case r.Drawn != nil:
		key := sampleKey{r.Drawn.Problem, r.Drawn.Sample}
		if _, twice := l.texts[key]; !twice && l.samples[key] == nil {
			l.texts[key] = at
		}
	case r.Judged != nil:
		key := sampleKey{r.Judged.Problem, r.Judged.Sample}
		if l.samples[key] == nil {
			l.samples[key] = r.Judged
		}
		delete(l.texts, key)
	}
}

func (l *runLog) judged(key sampleKey) *Sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.samples[key]
}

// drawn reads a completion that was drawn before and not judged; nil if there is
// none.
func (l *runLog) drawn(key sampleKey) (*drawn, error) {
	l.mu.Lock()
	at, ok := l.texts[key]
	l.mu.Unlock()
	if !ok || l.file == nil {
		return nil, nil
	}
	payload, err := l.file.Read(at)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(payload, &r); err != nil || r.Drawn == nil {
		return nil, &RecordError{l.dir, fmt.Errorf("at byte %d: %w", at.Offset, err)}
	}
	return r.Drawn, nil
}

// Head returns what run the folder dir holds, and changes nothing.
func Head(dir string) (RunHead, error) {
	for at, err := range journal.ReadLog(dir) {
		if err != nil {
			return RunHead{}, err
		}
		var r record
		if err := json.Unmarshal(at.Payload, &r); err != nil {
			return RunHead{}, &RecordError{dir, err}
		}
		if r.Run == nil {
			break
		}
		return *r.Run, nil
	}
	return RunHead{}, &RecordError{dir, errors.New("it does not begin with a run's name and protocol")}
}

// Text is a completion of a run, as its journal has it.
type Text struct {
	Problem   string `json:"problem"`
	Sample    int    `json:"sample"`
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitempty"`
	Tokens    int    `json:"tokens"`
}

// Texts yields the completions of the run in the folder dir, judged or not, in the
// order in which they were drawn. It changes nothing, and may be called while the run
// is under way. As JSON lines they are what examples/grade takes, to judge them again
// by other rules.
func Texts(dir string) iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		for at, err := range journal.ReadLog(dir) {
			var r record
			if err == nil {
				if err = json.Unmarshal(at.Payload, &r); err != nil {
					err = &RecordError{dir, err}
				}
			}
			switch d := r.Drawn; {
			case err != nil:
				if !yield(Text{}, err) {
					return
				}
			case d != nil:
				if !yield(Text{d.Problem, d.Sample, d.Text, d.Truncated, d.Completion}, nil) {
					return
				}
			}
		}
	}
}
