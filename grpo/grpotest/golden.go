package grpotest

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"sync"

	"github.com/grouprl/grouprl/grpo"
	_ "github.com/grouprl/grouprl/grpo/compat" // its parts are in the cases' objectives
)

// Case is what a published package computed on a ragged batch: a loss and its
// gradient, with where they came from and the objective that gives the same.
type Case struct {
	Name   string // unique: "verl/gspo/token-mean/tight"
	Key    string // row of the grid that it is about: "gspo-token"
	Source Source
	Recipe string // name of the compat recipe that Objective is; "" if none

	Objective grpo.Objective
	Reject    []grpo.Weight // tokens that these weigh 0 leave the counts: see grpo.Reject
	Totals    *grpo.Totals  // counts of the step that Batch is a part of; nil: Batch is the step
	Scale     float64       // of the gradient, for Evaluator.Scale; 1 but for recipes that need it

	Batch     grpo.Batch[float64] // masked tokens hold ordinary numbers
	Loss      float64
	LogProbs  []float64 // [T] dL/dLogProbs; 0 at masked tokens
	Entropies []float64 // [T] dL/dEntropies; nil: all 0
	Tolerance float64   // 1e-9, or 2e-6 where the package computes in float32

	Metrics map[string]float64 // what the package logged beside, by its names; most are rounded to float32
}

// Source says how a case was made, down to the arguments.
type Source struct {
	Package   string         `json:"package"`
	Version   string         `json:"version"`
	Torch     string         `json:"torch"`
	Function  string         `json:"function"`
	Arguments map[string]any `json:"arguments"`
	DType     string         `json:"dtype"` // of the package's arithmetic
}

// Golden returns all cases, for a trainer of your own as for ours. The batches are
// shared between cases: write to none of them. An error says which cases can't be
// read; the others are returned all the same.
//
// The numbers are made by internal/golden from TRL 1.16.0, verl 0.9.1, OpenRLHF
// 0.11.2 and liger-kernel 0.8.5, all on a CPU.
func Golden() ([]Case, error) { return golden() }

//go:embed testdata/golden/*.json
var goldenFiles embed.FS

const goldenFolder = "testdata/golden"

var golden = sync.OnceValues(func() ([]Case, error) {
	batches, err := goldenBatches()
	if err != nil {
		return nil, err
	}
	entries, err := goldenFiles.ReadDir(goldenFolder)
	if err != nil {
		return nil, err
	}
	var all []Case
	var errs []error
	for _, e := range entries {
		if e.Name() == "batches.json" {
			continue
		}
		cases, err := goldenCases(e.Name(), batches)
		all = append(all, cases...)
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
})

// goldenFile is one package's file.
type goldenFile struct {
	Package string
	Version string
	Torch   string
	Cases   []struct {
		Source
		Name            string
		Key             string
		Recipe          string
		Batch           string
		Objective       json.RawMessage
		Reject          []json.RawMessage
		Totals          *grpo.Totals
		Scale           float64
		Tolerance       float64
		Loss            float64
		Gradient        []float64
		EntropyGradient []float64 `json:"entropy_gradient"`
		Metrics         map[string]float64
	}
}

func goldenCases(name string, batches map[string]grpo.Batch[float64]) ([]Case, error) {
	var file goldenFile
	if err := readGolden(name, &file); err != nil {
		return nil, err
	}
	var cases []Case
	var errs []error
	for _, c := range file.Cases {
		full := file.Package + "/" + c.Name
		b, ok := batches[c.Batch]
		if !ok {
			errs = append(errs, fmt.Errorf("golden case %s: no batch %q", full, c.Batch))
			continue
		}
		if n := b.Offsets[b.Len()]; len(c.Gradient) != n || len(c.EntropyGradient) != 0 && len(c.EntropyGradient) != n {
			errs = append(errs, fmt.Errorf("golden case %s: a gradient of %d tokens, its batch has %d", full, len(c.Gradient), n))
			continue
		}
		g := Case{
			Name: full, Key: c.Key, Source: c.Source, Recipe: c.Recipe, Totals: c.Totals, Scale: c.Scale,
			Batch: b, Loss: c.Loss, LogProbs: c.Gradient, Entropies: c.EntropyGradient, Tolerance: c.Tolerance, Metrics: c.Metrics,
		}
		if g.Scale == 0 {
			g.Scale = 1
		}
		g.Source.Package, g.Source.Version, g.Source.Torch = file.Package, file.Version, file.Torch
		err := json.Unmarshal(c.Objective, &g.Objective)
		if err == nil {
			g.Reject, err = decodeWeights(c.Reject)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("golden case %s (%s): %w", full, c.Key, err))
			continue
		}
		cases = append(cases, g)
	}
	return cases, errors.Join(errs...)
}

// decodeWeights reads weights as an objective's JSON has them.
func decodeWeights(raw []json.RawMessage) ([]grpo.Weight, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	encoded, err := json.Marshal(map[string]any{"surrogate": nil, "aggregation": nil, "weights": raw})
	if err != nil {
		return nil, err
	}
	var o grpo.Objective
	err = json.Unmarshal(encoded, &o)
	return o.Weights, err
}

// goldenBatches are the batches that cases name.
func goldenBatches() (map[string]grpo.Batch[float64], error) {
	var file struct {
		Unit    float64
		Batches []struct {
			Name            string
			Offsets         []int
			Mask            []bool
			LogProbs        []float64 `json:"log_probs"`
			OldLogProbs     []float64 `json:"old_log_probs"`
			RolloutLogProbs []float64 `json:"rollout_log_probs"`
			RefLogProbs     []float64 `json:"ref_log_probs"`
			Entropies       []float64
			Advantages      []float64
			TokenAdvantages []float64 `json:"token_advantages"`
			Rewards         []float64
			Groups          []int
			Keys            []uint64
		}
	}
	if err := readGolden("batches.json", &file); err != nil {
		return nil, err
	}
	batches := map[string]grpo.Batch[float64]{}
	for _, b := range file.Batches {
		batches[b.Name] = grpo.Batch[float64]{
			Offsets: b.Offsets, Mask: b.Mask, LogProbs: b.LogProbs, OldLogProbs: b.OldLogProbs,
			RolloutLogProbs: b.RolloutLogProbs, RefLogProbs: b.RefLogProbs, Entropies: b.Entropies,
			Advantages: b.Advantages, TokenAdvantages: b.TokenAdvantages, Rewards: b.Rewards, Groups: b.Groups, Keys: b.Keys,
		}
	}
	return batches, nil
}

func readGolden(name string, dst any) error {
	b, err := goldenFiles.ReadFile(path.Join(goldenFolder, name))
	if err == nil {
		err = json.Unmarshal(b, dst)
	}
	if err != nil {
		return fmt.Errorf("golden file %s: %w", name, err)
	}
	return nil
}

// Compare returns an error if a loss, its gradient [T] with respect to LogProbs and
// that with respect to Entropies (nil: not compared) are not the case's. What a
// gradient holds at masked tokens is compared too: it is 0.
func (c *Case) Compare(loss float64, logProbs, entropies []float64) error {
	if d := c.Difference(loss, logProbs, entropies); !(d <= c.Tolerance) {
		return fmt.Errorf("%s: differs by %.3g, more than %v: loss %v, want %v; gradient %v, want %v",
			c.Name, d, c.Tolerance, loss, c.Loss, logProbs, c.LogProbs)
	}
	return nil
}

// Difference is the largest of |loss - Loss| / max(1, |Loss|) and, of either
// gradient, max |g - want| / max |want|. It is NaN if anything is, and +Inf if
// lengths differ.
func (c *Case) Difference(loss float64, logProbs, entropies []float64) float64 {
	d := math.Abs(loss-c.Loss) / max(1, math.Abs(c.Loss))
	d = max(d, relative(logProbs, c.LogProbs))
	if entropies != nil && c.Entropies != nil {
		d = max(d, relative(entropies, c.Entropies))
	}
	return d
}

// relative is max |x - want| / max |want|.
func relative(x, want []float64) float64 {
	if len(x) != len(want) {
		return math.Inf(1)
	}
	var difference, scale float64
	for i := range x {
		difference, scale = max(difference, math.Abs(x[i]-want[i])), max(scale, math.Abs(want[i]))
	}
	if difference == 0 {
		return 0
	}
	return difference / scale
}

// Eval computes the case with its Objective and this library: the loss of its Stats
// and the gradient are what Compare compares.
func (c *Case) Eval() (grpo.Stats, grpo.Gradient[float64], error) {
	o, b := c.Objective, c.Batch
	n := len(b.LogProbs)
	dst := grpo.Gradient[float64]{LogProbs: make([]float64, n), Entropies: make([]float64, n)}
	if len(c.Reject) > 0 {
		b.Mask = append([]bool(nil), b.Mask...)
		if err := grpo.Reject(b.Mask, &b, c.Reject...); err != nil {
			return grpo.Stats{}, dst, err
		}
	}
	o, err := resolve(o, b)
	if err != nil {
		return grpo.Stats{}, dst, err
	}
	totals, err := grpo.Count(&o, &b)
	if err != nil {
		return grpo.Stats{}, dst, err
	}
	if c.Totals != nil {
		totals = *c.Totals
	}
	e := grpo.Evaluator[float64]{Scale: c.Scale}
	stats, err := e.Eval(dst, &o, &b, &totals)
	return stats, dst, err
}
