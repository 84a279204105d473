package advantage_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/advantage"
)

// What the estimators of TRL, verl and OpenRLHF gave on seeded steps: made by
// internal/golden, which calls the packages' own functions.

//go:embed testdata/*.json
var goldenFiles embed.FS

// goldenStep is a step of rewards; null is a response without one.
type goldenStep struct {
	Name       string
	Rewards    []*float64
	Groups     []int
	Baselines  []float64
	Components [][]float64
	Lengths    []int
	Offsets    []int
	Mask       []bool

	TokenRewards   []float64 `json:"token_rewards"`
	Values         []float64
	LogProbs       []float64 `json:"log_probs"`
	RefLogProbs    []float64 `json:"ref_log_probs"`
	SquaredProbs   []float64 `json:"squared_probs"`
	RolloutWeights []float64 `json:"rollout_weights"`
}

// input is the step with the fields that the case uses.
func (s *goldenStep) input(uses []string) advantage.Input {
	in := advantage.Input{Groups: s.Groups, Offsets: s.Offsets, Mask: s.Mask}
	for _, r := range s.Rewards {
		if r == nil {
			in.Rewards = append(in.Rewards, math.NaN())
		} else {
			in.Rewards = append(in.Rewards, *r)
		}
	}
	for _, u := range uses {
		switch u {
		case "lengths":
			in.Lengths = s.Lengths
		case "baselines":
			in.Baselines = s.Baselines
		case "components":
			in.Components = s.Components
		case "token_rewards":
			in.TokenRewards = s.TokenRewards
		case "values":
			in.Values = s.Values
		case "log_probs":
			in.LogProbs = s.LogProbs
		case "ref_log_probs":
			in.RefLogProbs = s.RefLogProbs
		case "squared_probs":
			in.SquaredProbs = s.SquaredProbs
		case "rollout_weights":
			in.RolloutWeights = s.RolloutWeights
		default:
			panic("no field " + u)
		}
	}
	return in
}

type goldenCase struct {
	Name       string
	Function   string
	Step       string
	Estimator  string
	Options    json.RawMessage
	Uses       []string
	KLReward   *advantage.KLReward `json:"kl_reward"`
	Dtype      string
	Tolerance  float64
	Advantages []float64
}

var goldenEstimators = map[string]reflect.Type{}

func init() {
	for _, e := range []advantage.Estimator{
		advantage.GroupRelative{}, advantage.Whitened{}, advantage.GPG{}, advantage.PassKArgmax{}, advantage.GDPO{},
		advantage.TokenReturns{}, advantage.GAE{}, advantage.OTB{},
	} {
		goldenEstimators[reflect.TypeOf(e).Name()] = reflect.TypeOf(e)
	}
}

// estimator is the case's estimator with its options.
func (c *goldenCase) estimator() (advantage.Estimator, error) {
	v := reflect.New(goldenEstimators[c.Estimator])
	d := json.NewDecoder(bytes.NewReader(c.Options))
	d.DisallowUnknownFields()
	err := d.Decode(v.Interface())
	return v.Elem().Interface().(advantage.Estimator), err
}

// ours is what this package gives for the case.
func (c *goldenCase) ours(s *goldenStep) ([]float64, error) {
	e, err := c.estimator()
	if err != nil {
		return nil, err
	}
	in := s.input(c.Uses)
	n := len(in.Rewards)
	if e.PerToken() {
		n = in.Offsets[len(in.Offsets)-1]
	}
	if c.KLReward != nil {
		if e.PerToken() {
			in.TokenRewards = make([]float64, n)
			err = c.KLReward.AddToTokens(in.TokenRewards, &in)
		} else {
			err = c.KLReward.AddTo(in.Rewards, &in)
		}
		if err != nil {
			return nil, err
		}
	}
	dst := make([]float64, n)
	return dst, e.Estimate(dst, &in)
}

// difference is max |a - want| / max |want|, and 0 where both are all 0.
func goldenDifference(a, want []float64) float64 {
	if len(a) != len(want) {
		return math.Inf(1)
	}
	var difference, scale float64
	for i := range a {
		difference, scale = max(difference, math.Abs(a[i]-want[i])), max(scale, math.Abs(want[i]))
	}
	if difference == 0 {
		return 0
	}
	return difference / scale
}

func goldenRead(t *testing.T, name string, dst any) {
	t.Helper()
	b, err := goldenFiles.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, dst), name)
}

// Every estimator of every package gives the numbers of ours.
func TestGolden(t *testing.T) {
	var steps struct{ Steps []goldenStep }
	goldenRead(t, "steps.json", &steps)
	byName := map[string]*goldenStep{}
	for i := range steps.Steps {
		byName[steps.Steps[i].Name] = &steps.Steps[i]
	}
	worst, count := map[string]float64{}, map[string]int{}
	for _, p := range []string{"trl", "verl", "openrlhf"} {
		var file struct {
			Package, Version string
			Cases            []goldenCase
		}
		goldenRead(t, p+".json", &file)
		require.NotEmpty(t, file.Version)
		for _, c := range file.Cases {
			require.NotEmpty(t, c.Function, c.Name)
			require.Equal(t, map[string]float64{"float64": 1e-9, "float32": 2e-6}[c.Dtype], c.Tolerance, c.Name)
			got, err := c.ours(byName[c.Step])
			d := goldenDifference(got, c.Advantages)
			if err != nil || !(d <= c.Tolerance) {
				t.Errorf("%s/%s: %s%s differs by %.3g, %v\nhave %v\nwant %v", p, c.Name, c.Estimator, c.Options, d, err, got, c.Advantages)
				continue
			}
			key := p + " " + c.Dtype
			worst[key], count[key] = max(worst[key], d), count[key]+1

			// The comparison is not satisfied by anything.
			wrong := slices.Clone(c.Advantages)
			at := 0
			for i, a := range wrong {
				if math.Abs(a) > math.Abs(wrong[at]) {
					at = i
				}
			}
			wrong[at] += 2 * c.Tolerance * max(math.Abs(wrong[at]), 1e-300)
			require.True(t, wrong[at] == c.Advantages[at] || goldenDifference(wrong, c.Advantages) > c.Tolerance, c.Name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(worst)) {
		t.Logf("%-18s %3d cases, largest difference %.2g", key, count[key], worst[key])
	}
}
