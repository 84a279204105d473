package atropos

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A scenario is what is asked of a fresh server, one request after the other. The
// reference server's answers are in testdata/reference.json; to record them again:
//
//	python3 -m venv /tmp/atropos
//	/tmp/atropos/bin/pip install --no-deps atroposlib==0.4.0
//	/tmp/atropos/bin/pip install fastapi uvicorn numpy aiohttp pydantic
//	GROUPRL_ATROPOS_PYTHON=/tmp/atropos/bin/python GROUPRL_ATROPOS_RECORD=1 go test -run TestReferenceServer .
type scenario struct {
	name  string
	steps []step
}

// A step is one request. Where the answer differs from the reference server's on
// purpose, ours is what Server answers, and why says why.
type step struct {
	request string // method, path, body
	why     string
	code    int
	ours    string // "": only the status code is looked at
}

func ask(request string) step { return step{request: request} }

// sized is a group of n sequences; id is its first token, to tell it by.
func sized(n, id int, env string) string {
	var tokens, masks, scores []string
	for i := range n {
		tokens = append(tokens, fmt.Sprintf("[%d, %d]", id, i))
		masks = append(masks, fmt.Sprintf("[-100, %d]", i))
		scores = append(scores, fmt.Sprint(i))
	}
	return fmt.Sprintf(`{"tokens": [%s], "masks": [%s], "scores": [%s], "env_id": %s}`,
		strings.Join(tokens, ", "), strings.Join(masks, ", "), strings.Join(scores, ", "), env)
}

func post(n, id int, env string) step { return ask("POST /scored_data " + sized(n, id, env)) }

func trainer(batch int) step {
	return ask(fmt.Sprintf(`POST /register {"wandb_group": "g", "wandb_project": "p", "batch_size": %d, "max_token_len": 64, "checkpoint_dir": "/c", "save_checkpoint_interval": 5, "starting_step": 3, "num_steps": 100}`, batch))
}

func environmentOf(group int, name, more string) step {
	return ask(fmt.Sprintf(`POST /register-env {"max_token_length": 64, "desired_name": %q, "weight": 1.0, "group_size": %d%s}`, name, group, more))
}

var batch, status = ask("GET /batch"), ask("GET /status")

func statusOf(env int) step { return ask(fmt.Sprintf(`GET /status-env {"env_id": %d}`, env)) }

const (
	refused = "a number that is not finite is refused where it enters; the reference server fails whoever asks for it"
	fifo    = "batches leave in the order in which they were formed; the reference server hands out the last one first"
)

var scenarios = []scenario{
	{"nobody has registered", []step{
		ask("GET /"), ask("GET /info"), ask("GET /wandb_info"), batch, status, ask("GET /latest_example"),
		environmentOf(4, "a", ""),
		{"GET /status-env {\"env_id\": 0}", "what is wrong is said", 500, ""},
		{"POST /disconnect-env {\"env_id\": 0}", "the same words before and after", 200, `{"status": "failure", "error": "list index out of range"}`},
		ask("GET /nowhere"), ask("POST /batch"), ask("GET /register"),
		ask("GET /reset_data"), ask("GET /info"),
	}},
	{"a trainer and environments register", []step{
		ask(`POST /register {}`), ask(`POST /register []`), ask(`POST /register nonsense`), ask(`POST /register`),
		ask(`POST /register {"wandb_group": null, "wandb_project": "p", "batch_size": 4, "max_token_len": 64, "checkpoint_dir": "/c", "save_checkpoint_interval": 5, "starting_step": 3, "num_steps": 100}`),
		ask(`POST /register {"wandb_group": "g", "wandb_project": "p", "batch_size": 4.5, "max_token_len": 64, "checkpoint_dir": "/c", "save_checkpoint_interval": 5, "starting_step": 3, "num_steps": 100}`),
		ask("GET /info"), trainer(4), ask("GET /info"), ask("GET /wandb_info"), status,
		environmentOf(4, "a", ""), batch, environmentOf(4, "a", ""), environmentOf(2, "a", `, "min_batch_allocation": null`), environmentOf(4, "b", `, "extra": 1`),
		ask(`POST /register-env {"max_token_length": 64, "desired_name": null, "weight": 1.0, "group_size": 4}`),
		ask(`POST /register-env {"max_token_length": "64", "desired_name": "c", "weight": "2", "group_size": 4.0, "min_batch_allocation": "no"}`),
		ask(`POST /register-env {"max_token_length": "64", "desired_name": "c", "weight": "2", "group_size": 4.0}`),
		ask("GET /status-env?env_id=0"), statusOf(0), statusOf(1), statusOf(3),
		ask(`POST /disconnect-env {"env_id": 2}`), ask(`POST /disconnect-env {"env_id": 9}`), ask(`POST /disconnect-env {}`), statusOf(0),
		trainer(8), ask("GET /info"), status,
	}},
	{"groups", []step{
		trainer(4), batch, environmentOf(2, "a", ""),
		post(2, 1, "0"), status, statusOf(0), ask("GET /latest_example"),
		ask(`POST /scored_data {"tokens": [[1, 2], [3]], "masks": [[-100, 2], [3]], "scores": [1, -1.5], "advantages": [[0, 1], [1e-3]], "ref_logprobs": [[0, -1], [-2.25]], "messages": [[{"role": "user", "content": "<é>", "reward": 1}], []], "generation_params": {"temperature": 0.6}, "inference_logprobs": [[1.0, -0.25], [-1e-05]], "overrides": [{"set_advantage_to_zero": true}, {}], "group_overrides": {"group_size": 2}, "images": ["x", null], "env_id": 0, "distill_token_ids": [[[1, 2]], [[3]]], "distill_logprobs": [[[-1, -2.5]], [[0]]], "unknown": {"a": [1]}}`),
		ask("GET /latest_example"), batch, batch, status,
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]]}`), ask(`POST /scored_data {"tokens": [[1]], "scores": [1]}`), ask(`POST /scored_data {"masks": [[1]], "scores": [1]}`),
		ask(`POST /scored_data {"tokens": [1], "masks": [[1]], "scores": [1]}`), ask(`POST /scored_data {"tokens": [[1.5]], "masks": [[1]], "scores": [1]}`),
		ask(`POST /scored_data {"tokens": [["x"]], "masks": [[1]], "scores": [1]}`), ask(`POST /scored_data {"tokens": [[null]], "masks": [[1]], "scores": [1]}`),
		ask(`POST /scored_data {"tokens": null, "masks": [[1]], "scores": [1]}`), ask(`POST /scored_data [1]`), ask(`POST /scored_data {"tokens": [[1]]`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "messages": [[{"role": "user"}]]}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "messages": [[{"content": "user"}]]}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "generation_params": [1]}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "overrides": [null]}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "overrides": {}}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "group_overrides": 1}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "distill_token_ids": [[1]]}`),
		ask(`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [1], "env_id": "x"}`),
		status,
		{`POST /scored_data {"tokens": [[1]], "masks": [[1]], "scores": [NaN]}`, refused, 422, ""},
	}},
	{"numbers in other clothes", []step{
		trainer(2), batch, environmentOf(2, "a", ""),
		ask(`POST /scored_data {"tokens": [["5", 6.0, true], [7, false, -0]], "masks": [[-1e2, " 8 ", 2], [1,2,3]], "scores": ["1.5", true], "inference_logprobs": [[1, -1E-2], ["-3e0"]], "env_id": "0"}`),
		batch,
		{`POST /scored_data {"tokens": [[1], [2]], "masks": [[1], [2]], "scores": [1, Infinity]}`, refused, 422, ""},
		{`POST /scored_data {"tokens": [[1], [2]], "masks": [[1], [2]], "scores": [1, 1e999]}`, refused, 422, ""},
	}},
	{"batches of groups of several sizes", []step{
		trainer(8), batch, environmentOf(4, "a", ""), environmentOf(2, "b", ""), environmentOf(1, "c", ""),
		post(1, 10, "2"), post(4, 11, "0"), post(2, 12, "1"), post(1, 13, "2"), batch, statusOf(0), statusOf(1), statusOf(2), status,
		post(1, 14, "2"), post(1, 15, "2"), batch, post(2, 16, "1"), batch, status, batch, post(4, 17, "null"), post(4, 18, "7"), batch, batch, status,
	}},
	{"a batch that is not exactly reachable", []step{
		trainer(6), batch, environmentOf(4, "a", ""), post(4, 1, "0"), post(4, 2, "0"), batch, post(2, 3, "null"), post(2, 4, "null"), batch, status,
	}},
	{"two batches at once", []step{
		trainer(2), batch, environmentOf(2, "a", ""), post(2, 1, "0"), post(2, 2, "0"), post(2, 3, "0"),
		{"GET /batch", fifo, 200, `{"batch": [` + stored(sized(2, 1, "0")) + `]}`},
		status, post(2, 4, "0"),
		{"GET /batch", fifo, 200, `{"batch": [` + stored(sized(2, 2, "0")) + `]}`},
		{"GET /batch", fifo, 200, `{"batch": [` + stored(sized(2, 3, "0")) + `]}`},
		status, batch, status, batch,
	}},
	{"groups of another size than registered", []step{
		trainer(4), batch, environmentOf(4, "a", ""),
		post(3, 1, "0"), post(2, 2, "0"), status, post(2, 3, "0"), status, ask("GET /latest_example"), batch,
		post(3, 4, "0"), post(1, 5, "0"), post(8, 6, "0"), post(1, 7, "0"), status, batch, batch, batch,
	}},
	{"dynamic programming finds what first in, first out does not", []step{
		trainer(5), batch, environmentOf(5, "a", ""),
		post(3, 1, "0"), post(4, 2, "0"), post(4, 3, "0"), post(2, 4, "0"), status, batch, post(1, 5, "0"), status,
	}},
	{"a list of groups", []step{
		trainer(4), batch, environmentOf(4, "a", ""),
		ask("POST /scored_data_list [" + sized(4, 1, "0") + "," + sized(1, 2, "0") + "," + sized(2, 3, "0") + "]"),
		ask("POST /scored_data_list []"), ask("POST /scored_data_list " + sized(4, 4, "0")), ask("POST /scored_data_list [" + sized(4, 5, "0") + `, {"tokens": []}]`),
		status, batch, ask("POST /scored_data_list [" + sized(4, 6, "0") + "]"), batch, status,
	}},
	{"minimum shares", []step{
		trainer(8), batch, environmentOf(2, "a", `, "min_batch_allocation": 0.5`), environmentOf(2, "b", ""),
		post(2, 1, "1"), post(2, 2, "1"), post(2, 3, "1"), post(2, 4, "1"), batch, post(2, 5, "0"), batch, statusOf(0), statusOf(1), post(2, 6, "1"), post(2, 7, "0"),
		post(2, 8, "0"), post(2, 9, "0"), post(2, 10, "null"), batch, status, post(2, 11, "1"), batch, ask(`POST /disconnect-env {"env_id": 0}`), batch, statusOf(1),
		post(2, 12, "1"), post(2, 13, "1"), batch, status,
	}},
	{"minimum shares of more than everything", []step{
		trainer(8), batch, environmentOf(4, "a", `, "min_batch_allocation": 0.9`), environmentOf(4, "b", `, "min_batch_allocation": 0.8`),
		post(4, 1, "0"), post(4, 2, "0"), batch, post(4, 3, "1"), batch, status, statusOf(0),
	}},
	{"a minimum share of less than one group", []step{
		trainer(8), batch, environmentOf(2, "a", `, "min_batch_allocation": 0.13`), environmentOf(2, "b", `, "min_batch_allocation": 1`),
		post(2, 1, "1"), post(2, 2, "1"), post(2, 3, "1"), post(2, 4, "1"), post(2, 5, "0"), batch, status, statusOf(1),
	}},
	{"an environment whose groups grow", []step{
		trainer(16), batch, environmentOf(4, "a", ""), environmentOf(8, "b", ""), post(8, 1, "1"), post(4, 2, "0"), post(4, 3, "0"), statusOf(0), batch, statusOf(1),
		ask("POST /scored_data " + sized(8, 4, "1")), post(4, 5, "0"), status,
	}},
	{"the last environment leaves", []step{
		trainer(4), batch, environmentOf(4, "a", ""), ask(`POST /disconnect-env {"env_id": 0}`),
		{`GET /status-env {"env_id": 0}`, "the reference server divides by zero", 200, `{"current_step": 3, "queue_size": 0, "unallocated_fraction": 1, "self_queue_size": 0, "max_group_size": 1, "env_weight": 0.01}`},
	}},
	{"reset", []step{
		trainer(8), batch, environmentOf(4, "a", ""), post(4, 1, "0"), post(4, 2, "0"), batch, ask("GET /reset_data"),
		ask("GET /info"), ask("GET /wandb_info"), status, environmentOf(4, "a", ""), ask("GET /latest_example"),
		trainer(2), ask("GET /info"), status, environmentOf(4, "a", ""), batch, environmentOf(4, "a", ""), post(4, 3, "0"), batch,
	}},
	{"a batch after a reset", []step{
		trainer(4), ask("GET /reset_data"),
		{"GET /batch", "the reference server fails", 200, `{"status": "error", "message": "Trainer not registered. Call /register first.", "batch": []}`},
	}},
	{"a group before the trainer", []step{
		post(4, 1, "null"),
		{"GET /status", "it waits", 200, `{"current_step": 0, "queue_size": 1}`},
		trainer(4),
		{"GET /info", "the reference server never recovers", 200, `{"batch_size": 4, "max_token_len": 64}`},
		{"GET /batch", "the reference server never recovers", 200, `{"batch": [` + stored(sized(4, 1, "null")) + `]}`},
	}},
	{"packed requests", []step{
		ask("POST+gzip /register " + strings.TrimPrefix(trainer(4).request, "POST /register ")), ask("GET /info"), batch, environmentOf(4, "a", ""),
		ask("POST+gzip /scored_data " + sized(4, 1, "0")), batch,
		ask("POST+bad /scored_data " + sized(4, 1, "0")), ask("POST+gzip /scored_data "),
	}},
}

// stored is a group as a server hands it out.
func stored(group string) string {
	p := newParser(strings.NewReader(group))
	g, err := p.posting(0)
	if err != nil {
		panic(err)
	}
	return string(g.json)
}

type answered struct {
	Request string
	Code    int
	Reply   json.RawMessage `json:",omitempty"` // a string if it is not JSON
}

// run asks a server all of a scenario.
func (s scenario) run(t *testing.T, url string) (answers []answered) {
	t.Helper()
	for _, st := range s.steps {
		method, rest, _ := strings.Cut(st.request, " ")
		path, body, _ := strings.Cut(rest, " ")
		method, encoding, _ := strings.Cut(method, "+")
		var content io.Reader
		if body != "" || encoding != "" {
			b := []byte(body)
			if encoding == "gzip" && body != "" {
				var packed bytes.Buffer
				z := gzip.NewWriter(&packed)
				z.Write(b)
				z.Close()
				b = packed.Bytes()
			}
			content = bytes.NewReader(b)
		}
		q, err := http.NewRequest(method, url+path, content)
		require.NoError(t, err)
		q.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			q.Header.Set("Content-Encoding", "gzip")
		}
		q.Close = true // the reference server closes connections after it has failed, which may cross the next request
		a, err := plainHTTP.Do(q)
		require.NoError(t, err)
		b, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		a.Body.Close()
		if !json.Valid(b) {
			b, err = json.Marshal(string(b))
			require.NoError(t, err)
		}
		answers = append(answers, answered{st.request, a.StatusCode, b})
	}
	return answers
}

// same reports whether two answers say the same: numbers by value, and of errors
// that there is a detail.
func same(t *testing.T, want, got answered, context string) {
	t.Helper()
	require.Equal(t, want.Code, got.Code, "%s\n%s\nwant %s\ngot  %s", context, got.Request, want.Reply, got.Reply)
	if want.Code >= 400 {
		var w, g map[string]any
		json.Unmarshal(want.Reply, &w)
		json.Unmarshal(got.Reply, &g)
		require.Equal(t, w["detail"] != nil, g["detail"] != nil, "%s: %s", context, got.Reply)
		return
	}
	var w, g any
	require.NoError(t, json.Unmarshal(want.Reply, &w))
	require.NoError(t, json.Unmarshal(got.Reply, &g))
	if m, ok := w.(map[string]any); ok && m["uuid"] != nil {
		require.Contains(t, g, "uuid", context)
		return
	}
	require.Equal(t, w, g, "%s: %s", context, got.Request)
}

const recording = "testdata/reference.json"

func recorded(t *testing.T) map[string][]answered {
	t.Helper()
	b, err := os.ReadFile(recording)
	require.NoError(t, err)
	var all map[string][]answered
	require.NoError(t, json.Unmarshal(b, &all))
	return all
}
