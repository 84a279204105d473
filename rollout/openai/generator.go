package openai

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openai/openai-go/v3/option"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/window"
)

// API is the route that is spoken.
type API int

// Routes.
const (
	Completions API = iota // POST completions: prompts of token ids or text; what a trainer wants
	Chat                   // POST chat/completions: prompts of messages, put into the chat template by the server
	Native                 // SGLang's own POST /generate: the way to token ids for its older releases
)

// String returns the constant's name.
func (a API) String() string {
	switch a {
	case Completions:
		return "Completions"
	case Chat:
		return "Chat"
	case Native:
		return "Native"
	}
	return "API(" + strconv.Itoa(int(a)) + ")"
}

// Generator samples completions from inference servers. Servers and one of Budget
// and MaxTokens are required; the zero value of the rest is useful. Set its fields
// before its first use and do not copy it after; any number of goroutines may use
// it. It has no goroutine of its own: each ends with the call that began it. Close
// closes idle connections.
type Generator struct {
	Servers []string // base URLs as every OpenAI client has them: "http://10.0.0.7:8000/v1"
	Model   string   // as the servers call it; "": left out, for servers of one model
	Key     string   // sent as "Authorization: Bearer ..."; "": none. The environment is not looked at
	API     API
	Prompt  func(p *rollout.Problem) (Prompt, error) // nil: the statement, as Text or as a user's message

	Temperature float64       // 0: greedy, and a second sample of one problem is then refused
	TopP        float64       // 0: 1
	TopK        int           // 0: all
	MinP        float64       // 0: none
	Stop        []string      // stop strings
	Budget      window.Budget // what prompt and completion may use together
	MaxTokens   int           // of a completion; 0: what Budget leaves
	Unseeded    bool          // send no seed: some servers sample faster without, and no sample can then be had again

	TextOnly      bool                             // neither ask for token ids and log-probabilities nor need them: for evaluation
	Plain         bool                             // send only what OpenAI's own API knows; others refuse nothing
	Retokenize    Tokenizer                        // nil: an answer without token ids is a *MissingError. Its ids are not those that were sampled, so such a completion carries no log-probabilities
	VersionHeader string                           // response header with the policy's version; "": X-Weight-Version
	ParseVersion  func(text string) (int64, error) // of that header, or of SGLang's weight_version; nil: a whole number

	Stream   bool  // have the answer in chunks: a server that hangs is found out in Idle, and each chunk may carry its own weight version; costs both sides some 300 bytes of JSON a chunk
	InFlight int64 // tokens of requests under way, at most: prompt + n * Expect each, first come, first served; 0: no limit
	Expect   int   // tokens that a completion is reckoned at; 0: all that it may have

	Retries    int           // attempts after one that failed; 0: 4, negative: none
	Backoff    time.Duration // the wait before attempt k+1 is drawn from [0, Backoff * 2^(k-1)); 0: 500 ms
	MaxBackoff time.Duration // bound of that; 0: 30 s
	Patience   time.Duration // how long a call waits for a server to be healthy, or to want requests again; 0: 5 min, negative: not at all
	FirstByte  time.Duration // from the request to the answer's headers; 0: 10 min with Stream, else Timeout, since the headers come when all is sampled; negative: no bound
	Idle       time.Duration // between two chunks of a stream, or two pieces of a body; 0: 2 min, negative: no bound
	Timeout    time.Duration // for one attempt; 0: 2 h, negative: no bound
	MaxBytes   int64         // of an answer; 0: 1 MiB + 1 KiB for each token that it may have

	HTTP    *http.Client           // nil: one of its own
	Options []option.RequestOption // of openai-go, for what is not here: further headers, middleware

	once    sync.Once
	err     error
	client  *http.Client
	pool    *pool
	limiter *limiter
	lengths lengths
}

var _ rollout.Generator = (*Generator)(nil)

// start checks the options and makes the pool, once.
func (g *Generator) start() error {
	g.once.Do(func() {
		if g.err = g.check(); g.err != nil {
			return
		}
		g.client = g.HTTP
		if g.client == nil {
			t := http.DefaultTransport.(*http.Transport).Clone()
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 1024
			t.DisableCompression = true
			g.client = &http.Client{Transport: t}
		}
		g.limiter = newLimiter(g.InFlight)
		g.pool = g.newPool()
	})
	return g.err
}

// Close closes idle connections. Calls under way go on.
func (g *Generator) Close() {
	if g.start() == nil {
		g.client.CloseIdleConnections()
	}
}

func (g *Generator) check() error {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case len(g.Servers) == 0:
		return &OptionsError{"Servers", g.Servers, "want the base URL of one server or more"}
	case g.API < Completions || g.API > Native:
		return &OptionsError{"API", g.API, "unknown"}
	case g.API == Native && g.Stream:
		return &OptionsError{"Stream", true, "SGLang's own route repeats the whole answer in every chunk"}
	case g.API == Native && g.Plain:
		return &OptionsError{"Plain", true, "API Native is SGLang's own"}
	case !finite(g.Temperature) || g.Temperature < 0:
		return &OptionsError{"Temperature", g.Temperature, "want at least 0"}
	case !finite(g.TopP) || g.TopP < 0 || g.TopP > 1:
		return &OptionsError{"TopP", g.TopP, "want in (0, 1]; 0 is 1"}
	case g.TopK < 0:
		return &OptionsError{"TopK", g.TopK, "negative; 0 is all"}
	case !finite(g.MinP) || g.MinP < 0 || g.MinP > 1:
		return &OptionsError{"MinP", g.MinP, "want in [0, 1]"}
	case g.Plain && g.TopK > 0:
		return &OptionsError{"TopK", g.TopK, "OpenAI's own API has no top-k"}
	case g.Plain && g.MinP > 0:
		return &OptionsError{"MinP", g.MinP, "OpenAI's own API has no min-p"}
	case g.MaxTokens < 0:
		return &OptionsError{"MaxTokens", g.MaxTokens, "negative"}
	case g.Budget.Window < 0 || g.Budget.Reserve < 0:
		return &OptionsError{"Budget", g.Budget, "negative"}
	case g.MaxTokens == 0 && g.Budget.Window == 0:
		return &OptionsError{"MaxTokens", 0, "want it or a Budget: left to itself a server samples as few as 16 tokens"}
	case g.InFlight < 0:
		return &OptionsError{"InFlight", g.InFlight, "negative"}
	case g.Expect < 0:
		return &OptionsError{"Expect", g.Expect, "negative"}
	case g.Backoff < 0:
		return &OptionsError{"Backoff", g.Backoff, "negative"}
	case g.MaxBackoff < 0:
		return &OptionsError{"MaxBackoff", g.MaxBackoff, "negative"}
	case g.MaxBytes < 0:
		return &OptionsError{"MaxBytes", g.MaxBytes, "negative"}
	}
	for _, s := range g.Servers {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return &OptionsError{"Servers", s, err.Error()}
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			return &OptionsError{"Servers", s, "want a URL such as http://10.0.0.7:8000/v1"}
		case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
			return &OptionsError{"Servers", u.Redacted(), "want a URL without a query, a fragment or a password"}
		}
	}
	return nil
}

// Generate implements rollout.Generator: one request for one sample. Its seed is a
// function of (r.Seed, r.Problem.ID, r.Round, r.Sample), the same in every attempt,
// and an attempt that fails leaves nothing behind: what a server had sampled is
// discarded, and closing the connection tells it to stop. So a sample is in the run
// once, whatever happened on the way.
//
// Errors: *RequestError, around one of *StatusError, *AnswerError, *CountError,
// *MissingError, *LogProbError, *FinishError, *SizeError, *TimeoutError,
// *VersionError or what the network says; *DownError; *PromptError and
// *window.PromptError; *OptionsError; ctx's cause.
func (g *Generator) Generate(ctx context.Context, r *rollout.Request) (*rollout.Completion, error) {
	c, _, _, err := g.GenerateCounted(ctx, r)
	return c, err
}

// GenerateCounted is Generate, with the tokens of the prompt and the completion as
// the server counts them: the way to them with TextOnly.
func (g *Generator) GenerateCounted(ctx context.Context, r *rollout.Request) (c *rollout.Completion, prompt, completion int, err error) {
	all, prompt, completion, err := g.sample(ctx, r, 1)
	if err != nil {
		return nil, 0, 0, err
	}
	return all[0], prompt, completion, nil
}

// Sample asks for n samples in one request, numbered r.Sample, r.Sample+1, ...
// Servers then read the prompt once. It is all or nothing: an answer of which one
// choice cannot be used is discarded and asked for again. The samples are others
// than n calls of Generate give, since the server draws the seeds of all but the
// first.
func (g *Generator) Sample(ctx context.Context, r *rollout.Request, n int) ([]*rollout.Completion, error) {
	if n < 1 {
		return nil, &OptionsError{"n", n, "want 1 or more samples"}
	}
	all, _, _, err := g.sample(ctx, r, n)
	return all, err
}

func (g *Generator) sample(ctx context.Context, r *rollout.Request, n int) (all []*rollout.Completion, prompted, sampled int, err error) {
	if err := g.start(); err != nil {
		return nil, 0, 0, err
	}
	if g.Temperature == 0 && r.Sample+n > 1 {
		return nil, 0, 0, &OptionsError{"Temperature", g.Temperature, "all greedy samples of a problem are alike: set a temperature, or ask for sample 0 alone"}
	}
	prompt, err := g.prompt(r.Problem)
	if err != nil {
		return nil, 0, 0, err
	}
	length, err := g.length(ctx, &prompt)
	if err != nil {
		return nil, 0, 0, err
	}
	most := g.MaxTokens
	if g.Budget.Window > 0 {
		left, err := g.Budget.Tokens(length)
		if err != nil {
			return nil, 0, 0, err
		}
		if most == 0 || left < most {
			most = left
		}
	}
	expect := most
	if g.Expect > 0 {
		expect = min(g.Expect, most)
	}
	q := &question{prompt: &prompt, n: n, most: most, stream: g.Stream, tokens: int64(length) + int64(n)*int64(expect)}
	if !g.Unseeded {
		seed := int64(r.Rand().Int32()) // 31 bits: some servers compute with less than 64
		q.seed = &seed
	}
	a, err := g.ask(ctx, q)
	if err != nil {
		return nil, 0, 0, err
	}
	for i, c := range a.completions {
		c.Sample = r.Sample + i
		sampled += len(c.Tokens)
	}
	prompted = length
	if p := len(a.completions[0].Prompt); p > 0 {
		prompted = p
	}
	if a.usage != nil {
		prompted, sampled = a.usage.Prompt, a.usage.Completion
	}
	return a.completions, prompted, sampled, nil
}

// key names a call, the same in all its attempts, for proxies that look at it.
func key() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// root is a base URL without the /v1 of OpenAI's API: where health and SGLang's own
// routes are.
func root(base string) string {
	return strings.TrimSuffix(strings.TrimRight(base, "/"), "/v1")
}
