package atropos

import (
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/grouprl/grouprl/rollout/journal"
)

// Options of a Server. The zero value keeps everything in memory, for anybody who
// can reach it.
type Options struct {
	Dir     string // folder of the journal that a restart goes on from; "": none
	Token   string // what every request must bear as "Authorization: Bearer ..."; "": nothing
	Queue   int    // groups that wait, at most; beyond it posts get status 503 and should come again; 0: 8192
	MaxBody int64  // bytes of a request, unpacked; 0: 1 GiB
	Gzip    bool   // pack answers (at the fastest level) for those who accept it; false: a network slower than 100 MB/s is where it pays
	Compact int64  // bytes of groups handed out that make the server rewrite the journal, if they are also more than half of it; 0: 256 MiB, negative: never
}

// Server is a trajectory server: an http.Handler with the routes of the reference
// server and its answers, except that
//
//   - batches are handed out in the order in which they were formed, not the last one first;
//   - the queue is bounded, and groups, environments and steps survive a restart (Options.Dir): a group is durable before its post is answered, and a batch is handed out until it was written whole;
//   - a post with an Idempotency-Key header enters once, however often it comes;
//   - groups that were posted before the trainer registered wait for it, where they bring the reference server into a state that no batch ever comes out of;
//   - status-env answers when no environment is connected, batch after a reset says that no trainer has registered, and a number that is not finite is refused, where the reference server answers with status 500;
//   - a token may be asked for.
//
// Make one with NewServer.
type Server struct {
	Options
	log *journal.Log // nil: in memory

	batch sync.Mutex   // one batch is chosen at a time
	moves sync.RWMutex // held for reading while positions in the journal are used; a compaction holds it for writing

	mu      sync.Mutex
	state   *state
	replies map[*byte]any  // answers to records under way, by their payload
	out     map[int64]bool // batches that are being written to a trainer, by their first group
}

// NewServer returns a server and, with Options.Dir, reads the journal there.
func NewServer(o Options) (*Server, error) {
	if o.Queue == 0 {
		o.Queue = 8192
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 30
	}
	if o.Compact == 0 {
		o.Compact = 256 << 20
	}
	s := &Server{Options: o, state: newState(), replies: map[*byte]any{}, out: map[int64]bool{}}
	if o.Dir == "" {
		return s, nil
	}
	var err error
	s.log, err = journal.OpenLog(o.Dir, journal.LogOptions{}, s.apply)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the journal. Shut the http.Server down before.
func (s *Server) Close() error {
	if s.log == nil {
		return nil
	}
	return s.log.Close()
}

func (s *Server) apply(at journal.Position, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply, err := s.state.apply(at, b, s.Dir == "")
	if _, ok := s.replies[&b[0]]; ok {
		s.replies[&b[0]] = reply
	}
	return err
}

// commit makes records durable, has them applied and returns their answers.
func (s *Server) commit(payloads ...[]byte) (replies []any, err error) {
	s.mu.Lock()
	for _, b := range payloads {
		s.replies[&b[0]] = nil
	}
	s.mu.Unlock()
	if s.log != nil {
		err = s.log.Append(payloads...)
	} else {
		for _, b := range payloads {
			err = errors.Join(err, s.apply(journal.Position{}, b))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range payloads {
		replies = append(replies, s.replies[&b[0]])
		delete(s.replies, &b[0])
	}
	return replies, err
}

type route struct{ method, path string }

var routes = map[route]func(s *Server, w http.ResponseWriter, r *http.Request){
	{"GET", "/"}:                  (*Server).root,
	{"POST", "/register"}:         (*Server).register,
	{"POST", "/register-env"}:     (*Server).registerEnv,
	{"POST", "/disconnect-env"}:   (*Server).disconnectEnv,
	{"GET", "/wandb_info"}:        (*Server).wandbInfo,
	{"GET", "/info"}:              (*Server).info,
	{"GET", "/batch"}:             (*Server).nextBatch,
	{"GET", "/latest_example"}:    (*Server).latestExample,
	{"POST", "/scored_data"}:      (*Server).scoredData,
	{"POST", "/scored_data_list"}: (*Server).scoredDataList,
	{"GET", "/status"}:            (*Server).status,
	{"GET", "/status-env"}:        (*Server).statusEnv,
	{"GET", "/reset_data"}:        (*Server).resetData,
}

var paths = func() map[string]bool {
	m := map[string]bool{}
	for r := range routes {
		m[r.path] = true
	}
	return m
}()

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
			w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.Header().Set("Vary", "Access-Control-Request-Headers")
			io.WriteString(w, "OK")
			return
		}
	}
	if s.Token != "" && !s.allowed(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "a token is asked for: Authorization: Bearer ...")
		return
	}
	handle := routes[route{r.Method, r.URL.Path}]
	switch {
	case handle == nil && paths[r.URL.Path]:
		refuse(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	case handle == nil:
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	body := http.MaxBytesReader(w, r.Body, s.MaxBody)
	r.Body = body
	if strings.Contains(strings.ToLower(r.Header.Get("Content-Encoding")), "gzip") {
		z, err := gzip.NewReader(bufio.NewReaderSize(body, 64<<10))
		if err != nil && !errors.Is(err, io.EOF) { // an empty body is empty
			http.Error(w, "Invalid gzip payload", http.StatusBadRequest)
			return
		}
		if err == nil {
			r.Body = &unpacked{z: z, left: s.MaxBody}
		}
	}
	handle(s, w, r)
}

func (s *Server) allowed(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.Token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// unpacked is a body that was packed. It ends with an error beyond the limit.
type unpacked struct {
	z    *gzip.Reader
	left int64
}

var errGzip = errors.New("invalid gzip payload")

func (u *unpacked) Read(b []byte) (int, error) {
	if int64(len(b)) > u.left+1 {
		b = b[:u.left+1]
	}
	n, err := u.z.Read(b)
	if u.left -= int64(n); u.left < 0 {
		return 0, &http.MaxBytesError{}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		var large *http.MaxBytesError
		if !errors.As(err, &large) {
			err = fmt.Errorf("%w: %w", errGzip, err)
		}
	}
	return n, err
}

func (u *unpacked) Close() error { return u.z.Close() }

// answer writes a small answer.
func answer(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"detail":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	w.Write(b)
}

func refuse(w http.ResponseWriter, code int, detail any) {
	answer(w, code, map[string]any{"detail": detail})
}

// failed answers an error of the body or of the journal.
func failed(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	var text *JSONError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, "the request is too large")
	case errors.Is(err, errGzip):
		http.Error(w, "Invalid gzip payload", http.StatusBadRequest)
	case errors.As(err, &text):
		loc := []any{"body"}
		if text.Field != "" {
			loc = append(loc, text.Field)
		}
		refuse(w, http.StatusUnprocessableEntity, []any{map[string]any{"type": "value_error", "loc": loc, "msg": text.Error()}})
	default:
		// The journal's: a full disk. The group is not lost if it comes again.
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, err.Error())
	}
}

func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]string{"message": "AtroposLib API"})
}

func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	f := readForm(r.Body)
	reg := Registration{
		WandbGroup: f.text("wandb_group"), WandbProject: f.text("wandb_project"), BatchSize: f.int("batch_size"), MaxTokenLen: f.int("max_token_len"),
		CheckpointDir: f.text("checkpoint_dir"), SaveCheckpointInterval: f.int("save_checkpoint_interval"),
		StartingStep: f.int("starting_step"), NumSteps: f.int("num_steps"),
	}
	if f.refused(w) {
		return
	}
	if _, err := s.commit(object(registerRecord, reg)); err != nil {
		failed(w, err)
		return
	}
	var id [16]byte
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // UUID version 4
	answer(w, http.StatusOK, registered{new(big.Int).SetBytes(id[:])})
}

func (s *Server) registerEnv(w http.ResponseWriter, r *http.Request) {
	f := readForm(r.Body)
	reg := EnvRegistration{
		MaxTokenLength: f.int("max_token_length"), DesiredName: f.text("desired_name"), Weight: f.float("weight"), GroupSize: f.int("group_size"),
		MinBatchAllocation: f.optional("min_batch_allocation"),
	}
	if f.refused(w) {
		return
	}
	s.mu.Lock()
	started := s.state.Started
	s.mu.Unlock()
	if !started {
		answer(w, http.StatusOK, map[string]string{"status": "wait for trainer to start"})
		return
	}
	replies, err := s.commit(object(envRecord, reg))
	if err != nil {
		failed(w, err)
		return
	}
	answer(w, http.StatusOK, struct {
		Status string `json:"status"`
		EnvInfo
	}{"success", replies[0].(EnvInfo)})
}

func (s *Server) disconnectEnv(w http.ResponseWriter, r *http.Request) {
	f := readForm(r.Body)
	id := f.int("env_id")
	if f.refused(w) {
		return
	}
	s.mu.Lock()
	known := id >= 0 && id < len(s.state.Envs)
	s.mu.Unlock()
	if !known {
		answer(w, http.StatusOK, map[string]string{"status": "failure", "error": "list index out of range"})
		return
	}
	if _, err := s.commit(numbers(disconnectRecord, int64(id))); err != nil {
		failed(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "success"})
}

func (s *Server) wandbInfo(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	trainer := s.state.Trainer
	s.mu.Unlock()
	info := map[string]any{"group": nil, "project": nil}
	if trainer != nil {
		info["group"], info["project"] = trainer.WandbGroup, trainer.WandbProject
	}
	answer(w, http.StatusOK, info)
}

func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	info := Info{s.state.Known.BatchSize, s.state.Known.MaxTokenLen}
	s.mu.Unlock()
	answer(w, http.StatusOK, info)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	status := Status{s.state.Step, len(s.state.Queue)}
	s.mu.Unlock()
	answer(w, http.StatusOK, status)
}

func (s *Server) statusEnv(w http.ResponseWriter, r *http.Request) {
	f := readForm(r.Body)
	id := f.int("env_id")
	if f.refused(w) {
		return
	}
	s.mu.Lock()
	if id < 0 || id >= len(s.state.Envs) {
		s.mu.Unlock()
		refuse(w, http.StatusInternalServerError, fmt.Sprintf("no environment %d", id))
		return
	}
	status, size := s.state.envStatus(id)
	grown := size != s.state.Envs[id].GroupSize
	s.mu.Unlock()
	if grown {
		if _, err := s.commit(numbers(sizeRecord, int64(id), int64(size))); err != nil {
			failed(w, err)
			return
		}
	}
	answer(w, http.StatusOK, status)
}

func (s *Server) resetData(w http.ResponseWriter, r *http.Request) {
	if _, err := s.commit([]byte{resetRecord}); err != nil {
		failed(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "Reset successful")
}

// full answers for a queue that has no room.
func (s *Server) full(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	n := s.state.groups()
	s.mu.Unlock()
	if n < s.Queue {
		return false
	}
	io.Copy(io.Discard, r.Body) // or the client may see a broken connection and no answer
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d groups are waiting: come again", n))
	return true
}

// deliveryOf is the identity of group i of a post; without a key it has none.
func deliveryOf(r *http.Request, i int) (d delivery) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return d
	}
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(key), uint64(i)))
	copy(d[:], sum[:])
	return d
}

func (s *Server) scoredData(w http.ResponseWriter, r *http.Request) {
	if s.full(w, r) {
		return
	}
	p := newParser(r.Body)
	g, err := p.posting(r.ContentLength)
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		failed(w, err)
		return
	}
	replies, err := s.commit(g.payload(deliveryOf(r, 0)))
	if err != nil {
		failed(w, err)
		return
	}
	answer(w, http.StatusOK, replies[0])
}

func (s *Server) scoredDataList(w http.ResponseWriter, r *http.Request) {
	if s.full(w, r) {
		return
	}
	p := newParser(r.Body)
	var payloads [][]byte
	hint := int64(0)
	p.list(func() {
		g, err := p.posting(hint)
		if err == nil {
			hint = int64(len(g.json)) // the next one is likely to be as long
			payloads = append(payloads, g.payload(deliveryOf(r, len(payloads))))
		}
	})
	if err := p.finish(); err != nil {
		failed(w, err)
		return
	}
	replies, err := s.commit(payloads...)
	if err != nil {
		failed(w, err)
		return
	}
	result := struct {
		Status   string `json:"status"`
		Groups   int    `json:"groups_processed"`
		Buffered int    `json:"buffered,omitempty"`
		Last     *int   `json:"last_buffer_size,omitempty"`
	}{Status: "received", Groups: len(payloads)}
	for _, reply := range replies {
		if r := reply.(received); r.Buffer != nil {
			result.Buffered++
			result.Last = r.Buffer
		}
	}
	answer(w, http.StatusOK, result)
}

// read returns a group's JSON. s.moves is held for reading.
func (s *Server) read(c content) ([]byte, error) {
	if c.json != nil || s.log == nil {
		return c.json, nil
	}
	b, err := s.log.Read(c.at)
	if err != nil {
		return nil, err
	}
	return b[c.skip:], nil
}

func (s *Server) latestExample(w http.ResponseWriter, r *http.Request) {
	s.moves.RLock()
	defer s.moves.RUnlock()
	s.mu.Lock()
	c, ok := s.state.content[s.state.Latest.ID]
	s.mu.Unlock()
	if !ok {
		empty := map[string][]int{}
		for _, f := range []string{"tokens", "masks", "scores", "advantages", "ref_logprobs", "generation_params", "inference_logprobs", "messages", "images"} {
			empty[f] = []int{}
		}
		answer(w, http.StatusOK, empty)
		return
	}
	b, err := s.read(c)
	if err != nil {
		failed(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}
