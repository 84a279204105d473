package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/window"
)

// base is the rotary base of NousCoder-14B, which is Qwen3's.
const base = 1e6

// howToServe prints the commands that start a server for a protocol.
func howToServe(w io.Writer, p eval.Protocol) error {
	vllm, err := p.YaRN.VLLM(base, p.Window)
	if err != nil {
		return err
	}
	sglang, err := p.YaRN.SGLang(p.Window)
	if err != nil {
		return err
	}
	allow := ""
	if p.YaRN != (window.YaRN{}) {
		allow = "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 "
	}
	_, err = fmt.Fprintf(w, "%v\n\nvllm serve NousResearch/NousCoder-14B %v\n\n%spython3 -m sglang.launch_server --model-path NousResearch/NousCoder-14B %v\n", p, vllm, allow, sglang)
	return err
}

// served is a model as GET models lists it.
type served struct {
	ID     string `json:"id"`
	Window int    `json:"max_model_len"` // 0: the server does not say
}

// model asks every endpoint what it serves, and returns the policy's name there: now,
// and not after hours. A server with a shorter window would cut completions that the
// protocol does not.
func model(ctx context.Context, o options, key string) (string, error) {
	name := o.model
	for _, endpoint := range o.endpoints {
		list, err := models(ctx, endpoint, key)
		if err != nil {
			return "", fmt.Errorf("-endpoint %s: %w", endpoint, err)
		}
		var ids []string
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		if name == "" && len(ids) == 1 {
			name = ids[0]
		}
		i := slices.Index(ids, name)
		switch {
		case name == "":
			return "", fmt.Errorf("-endpoint %s serves %d models: say -model, one of %s", endpoint, len(ids), strings.Join(ids, ", "))
		case i < 0:
			return "", fmt.Errorf("-endpoint %s does not serve %q, but %s", endpoint, name, strings.Join(ids, ", "))
		case list[i].Window > 0 && list[i].Window < o.protocol.Window:
			return "", fmt.Errorf("-endpoint %s was started with a window of %d tokens, and -protocol %s needs %d: -serve prints how to start one with that", endpoint, list[i].Window, o.name, o.protocol.Window)
		}
	}
	return name, nil
}

func models(ctx context.Context, endpoint, key string) ([]served, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(endpoint, "/")+"/models", nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no server answers there; -serve prints how to start one\n%w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return nil, errors.New("it wants another API key: -key-env names the environment variable that holds it")
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("GET %s answers with status %d; is it the base URL, which mostly ends in /v1?", r.URL, res.StatusCode)
	}
	var list struct{ Data []served }
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("GET %s answers with no list of models: %w", r.URL, err)
	}
	return list.Data, nil
}
