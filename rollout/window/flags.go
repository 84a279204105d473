package window

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Flags are command-line arguments, one a string, as exec.Command takes them.
type Flags []string

// String joins the arguments for a POSIX shell, quoting those that need it.
func (f Flags) String() string {
	quoted := make([]string, len(f))
	for i, arg := range f {
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'\\$`{}[]()<>|&;*?#~!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		quoted[i] = arg
	}
	return strings.Join(quoted, " ")
}

// ropeParameters is Hugging Face's name for YaRN's fields; the order is that of
// the JSON text.
type ropeParameters struct {
	Type     string  `json:"rope_type"`
	Factor   float64 `json:"factor"`
	Original int     `json:"original_max_position_embeddings"`
	Theta    float64 `json:"rope_theta,omitempty"`
	BetaFast float64 `json:"beta_fast,omitempty"`
	BetaSlow float64 `json:"beta_slow,omitempty"`
	Scale    float64 `json:"attention_factor,omitempty"`
	Truncate *bool   `json:"truncate,omitempty"`
}

// json returns y under Hugging Face's names: {"key":{...}}, or only {...} for an
// empty key. Fields at their defaults are left to the server.
func (y YaRN) json(key string, base float64) string {
	p := ropeParameters{Type: "yarn", Factor: y.Factor, Original: y.Original, Theta: base, BetaFast: y.BetaFast, BetaSlow: y.BetaSlow, Scale: y.Scale}
	if y.Exact {
		p.Truncate = new(bool)
	}
	var v any = p
	if key != "" {
		v = map[string]ropeParameters{key: p}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "" // only NaN and infinities cannot be encoded, and Validate has refused them
	}
	return string(text)
}

// VLLM returns the arguments with which vLLM serves a model at a window, stretched
// by y: --hf-overrides with rope_parameters, which needs the model's rotary base,
// and --max-model-len. Without stretching it is --max-model-len alone.
//
//	--hf-overrides '{"rope_parameters":{"rope_type":"yarn","factor":2.5,"original_max_position_embeddings":32768,"rope_theta":1000000}}' --max-model-len 81920
//
// Servers stretch short prompts too (their YaRN is static), so use it for
// evaluation at the long window only. See VLLMRopeScaling for older releases.
func (y YaRN) VLLM(base float64, window int) (Flags, error) {
	return y.flags(base, window, "--hf-overrides", "rope_parameters", base, "--max-model-len")
}

// VLLMRopeScaling is VLLM for releases up to 0.11.0; 0.11.1 dropped
// --rope-scaling (vllm-project/vllm pull 28006).
//
//	--rope-scaling '{"rope_type":"yarn","factor":2.5,"original_max_position_embeddings":32768}' --max-model-len 81920
func (y YaRN) VLLMRopeScaling(window int) (Flags, error) {
	return y.flags(2, window, "--rope-scaling", "", 0, "--max-model-len")
}

// SGLang returns the arguments with which SGLang serves a model at a window,
// stretched by y. SGLang refuses a --context-length above the one that it derives
// from the model's configuration unless the environment has
// SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1.
//
//	--json-model-override-args '{"rope_scaling":{"rope_type":"yarn","factor":2.5,"original_max_position_embeddings":32768}}' --context-length 81920
func (y YaRN) SGLang(window int) (Flags, error) {
	return y.flags(2, window, "--json-model-override-args", "rope_scaling", 0, "--context-length")
}

// flags checks y, the base and the window and puts the arguments together; theta
// is the base where the JSON has it.
func (y YaRN) flags(base float64, window int, flag, key string, theta float64, length string) (Flags, error) {
	if err := y.Validate(); err != nil {
		return nil, err
	}
	if err := y.Frequencies(nil, base); err != nil {
		return nil, err
	}
	if window <= 0 {
		return nil, &YaRNError{"window", float64(window), "want above 0"}
	}
	var f Flags
	if y.Factor > 1 {
		f = append(f, flag, y.json(key, theta))
	}
	return append(f, length, strconv.Itoa(window)), nil
}
