package atropos

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/grouprl/grouprl/rollout/journal"
)

// choose returns the next batch that is not being written to somebody, and marks it.
func (s *Server) choose() (batch []item, err error) {
	s.batch.Lock()
	defer s.batch.Unlock()
	s.mu.Lock()
	started := s.state.Started
	s.mu.Unlock()
	if !started {
		if _, err := s.commit([]byte{startRecord}); err != nil {
			return nil, err
		}
	}
	for formed := false; ; formed = true {
		s.mu.Lock()
		for _, b := range s.state.Formed {
			if !s.out[b[0].ID] {
				s.out[b[0].ID] = true
				s.mu.Unlock()
				return b, nil
			}
		}
		var batches [][]int64
		if !formed {
			batches = s.state.form()
		}
		s.mu.Unlock()
		if len(batches) == 0 {
			return nil, nil
		}
		if _, err := s.commit(object(formRecord, batches)); err != nil {
			return nil, err
		}
	}
}

func (s *Server) nextBatch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	registered := s.state.Trainer != nil
	s.mu.Unlock()
	if !registered {
		answer(w, http.StatusOK, map[string]any{"status": "error", "message": "Trainer not registered. Call /register first.", "batch": []int{}})
		return
	}
	batch, err := s.choose()
	if err != nil {
		failed(w, err)
		return
	}
	if batch == nil {
		answer(w, http.StatusOK, map[string]any{"batch": nil})
		return
	}
	first := batch[0].ID
	defer func() {
		s.mu.Lock()
		delete(s.out, first)
		s.mu.Unlock()
	}()
	if !s.write(w, r, batch) {
		return // it stays where it is, for the next who asks
	}
	if _, err := s.commit(numbers(handRecord, first)); err != nil {
		return // the trainer has it, and will get it again: nothing is lost
	}
	s.compactIfWorthwhile()
}

// write writes a batch and reports whether all of it went out.
func (s *Server) write(w http.ResponseWriter, r *http.Request, batch []item) bool {
	s.moves.RLock()
	defer s.moves.RUnlock()
	s.mu.Lock()
	contents := make([]content, len(batch))
	length := len(`{"batch":[]}`) + len(batch) - 1
	for i, it := range batch {
		c := s.state.content[it.ID]
		contents[i] = c
		length += len(c.json)
		if c.json == nil {
			length += c.at.Length - c.skip
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	var out io.Writer = w
	var z *gzip.Writer
	if s.Gzip && length >= 1000 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Vary", "Accept-Encoding")
		z, _ = gzip.NewWriterLevel(w, gzip.BestSpeed)
		out = z
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	put := func(b []byte) bool {
		_, err := out.Write(b)
		return err == nil
	}
	for i, c := range contents {
		b, err := s.read(c)
		if err != nil {
			if i == 0 {
				w.Header().Del("Content-Length")
				failed(w, err)
				return false
			}
			panic(http.ErrAbortHandler) // half of an answer must not look like a whole one
		}
		if i == 0 && !put([]byte(`{"batch":[`)) || i > 0 && !put([]byte{','}) || !put(b) {
			return false
		}
	}
	if !put([]byte("]}")) || z != nil && z.Close() != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}

// compactIfWorthwhile rewrites the journal once most of it is of no use. A failure is
// no loss: the old journal stays, and the next batch tries again.
func (s *Server) compactIfWorthwhile() {
	if s.log == nil || s.Compact < 0 {
		return
	}
	s.mu.Lock()
	live := int64(0)
	for _, c := range s.state.content {
		live += c.at.Size()
	}
	s.mu.Unlock()
	if dead := s.log.Size() - live; dead > s.Compact && dead > live {
		s.compact()
	}
}

func (s *Server) compact() error {
	s.moves.Lock()
	defer s.moves.Unlock()
	return s.log.Rewrite(func(keep func([]byte) (journal.Position, error)) (func(), error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, err := keep(object(stateRecord, s.state)); err != nil {
			return nil, err
		}
		moved := map[int64]content{}
		for id, c := range s.state.content {
			b, err := s.read(c)
			if err != nil {
				return nil, err
			}
			payload := append(numbers(contentRecord, id), b...)
			at, err := keep(payload)
			if err != nil {
				return nil, err
			}
			moved[id] = content{at: at, skip: len(payload) - len(b)}
		}
		return func() {
			s.mu.Lock()
			s.state.content = moved
			s.mu.Unlock()
		}, nil
	})
}
