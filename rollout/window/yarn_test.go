package window_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout/window"
)

func TestPlainRotary(t *testing.T) {
	f := make([]float64, 64)
	require.NoError(t, window.YaRN{}.Frequencies(f, 10000))
	require.Equal(t, 1.0, f[0])
	require.InEpsilon(t, 0.1, f[16], 1e-14) // 10000^(-16/64)
	require.InEpsilon(t, 1e-2, f[32], 1e-14)
	require.InEpsilon(t, 1e-3, f[48], 1e-14)
	require.Equal(t, 1.0, window.YaRN{}.AttentionScale())
}

// Llama 2's shape (D = 128, base 10,000) with Original 2048 and factor 10, whose
// frequencies transformers publishes to five digits in its test of YaRN.
//
// By hand: i(32) = 128 ln(2048 / 64 pi) / (2 ln 10^4) = 128 * 2.32098 / 18.42068 = 16.13, low = 16.
// i(1) = 128 ln(2048 / 2 pi) / 18.42068 = 128 * 5.78671 / 18.42068 = 40.21, high = 41. So up to 16 a pair is as it
// was, from 41 on it is a tenth, and pair 17 has g = 1/25: 10^(-4*17/64) (1 - 0.04 + 0.004) = 0.0865964 * 0.964.
func TestYaRNAgainstPublishedValues(t *testing.T) {
	y := window.YaRN{Factor: 10, Original: 2048}
	f := make([]float64, 64)
	require.NoError(t, y.Frequencies(f, 10000))
	for i, want := range map[int]float64{
		0: 1.0000e+00, 1: 8.6596e-01, 15: 1.1548e-01, 16: 1.0000e-01, 17: 8.3479e-02, 18: 6.9590e-02, 24: 2.2515e-02,
		28: 1.0101e-02, 32: 4.2400e-03, 36: 1.5746e-03, 39: 6.2810e-04, 40: 4.3007e-04, 41: 2.7384e-04, 42: 2.3714e-04,
		48: 1.0000e-04, 63: 1.1548e-05,
	} {
		require.InEpsilon(t, want, f[i], 5e-5, "pair %d", i)
	}
	require.InEpsilon(t, math.Pow(10, -4*17/64.)*0.964, f[17], 1e-14)
	require.InEpsilon(t, math.Pow(10, -4*40/64.)*(1./25+24./250), f[40], 1e-13)
	require.Equal(t, "1.2303", fmt.Sprintf("%.4f", y.AttentionScale())) // 0.1 ln 10 + 1
}

// The paper gives sqrt(1/t) = 0.1 ln(s) + 1; its models have s = 16 and 32.
func TestAttentionScale(t *testing.T) {
	for factor, want := range map[float64]float64{1: 1, 2: 1.0693147180559945, 2.5: 1.0916290731874155, 16: 1.2772588722239781, 32: 1.3465735902799727} {
		require.InEpsilon(t, want, window.YaRN{Factor: factor}.AttentionScale(), 1e-15)
	}
	require.Equal(t, 0.5, window.YaRN{Factor: 2, Scale: 0.5}.AttentionScale())
}

// Qwen3-14B (D = 128, base 1,000,000) stretched from 32,768 to 81,920.
//
// By hand: i(32) = 128 ln(32768 / 64 pi) / (2 ln 10^6) = 128 * 5.09357 / 27.63102 = 23.60, low = 23.
// i(1) = 128 ln(32768 / 2 pi) / 27.63102 = 128 * 8.55930 / 27.63102 = 39.65, high = 40. A pair that is fully
// stretched turns at 1/2.5 = 1 - 0.6 of its frequency.
func TestYaRNForTheEvaluation(t *testing.T) {
	y := window.Extend(32768, 81920)
	require.Equal(t, window.YaRN{Factor: 2.5, Original: 32768}, y)
	f, plain := make([]float64, 64), make([]float64, 64)
	require.NoError(t, y.Frequencies(f, 1e6))
	require.NoError(t, window.YaRN{}.Frequencies(plain, 1e6))
	for i := range f {
		g := math.Min(math.Max(float64(i-23)/17, 0), 1)
		require.InEpsilon(t, 1-0.6*g, f[i]/plain[i], 1e-12, "pair %d", i)
	}

	exact := y
	exact.Exact = true
	require.NoError(t, exact.Frequencies(f, 1e6))
	low, high := 128*math.Log(32768/(64*math.Pi))/(2*math.Log(1e6)), 128*math.Log(32768/(2*math.Pi))/(2*math.Log(1e6))
	require.InEpsilon(t, 1-(25-low)/(high-low)*0.6, f[25]/plain[25], 1e-12)

	require.Equal(t, window.YaRN{}, window.Extend(40960, 40960), "nothing to stretch")
	require.Equal(t, window.YaRN{}, window.Extend(40960, 100))
}

// Whatever the parameters, a frequency lies between the plain one and its
// Factor-th part, and frequencies fall.
func TestYaRNProperties(t *testing.T) {
	for _, half := range []int{1, 2, 4, 16, 64, 96} {
		for _, base := range []float64{10, 1000, 1e4, 1e6} {
			for _, y := range []window.YaRN{{Factor: 2, Original: 112}, {Factor: 1.5, Original: 8}, {Factor: 40, Original: 4096, BetaFast: 50, BetaSlow: 0.5}, {Factor: 4, Original: 1}} {
				f, plain := make([]float64, half), make([]float64, half)
				require.NoError(t, y.Frequencies(f, base))
				require.NoError(t, window.YaRN{}.Frequencies(plain, base))
				for i := range f {
					require.LessOrEqual(t, f[i], plain[i])
					require.GreaterOrEqual(t, f[i], plain[i]/y.Factor*(1-1e-15))
					if i > 0 {
						require.Less(t, f[i], f[i-1])
					}
				}
			}
		}
	}
}

// D = 8, base 10,000, Original 100: i(32) = 8 ln(100 / 64 pi) / 18.42 = -0.30, so
// low is 0; i(1) = 8 ln(100 / 2 pi) / 18.42 = 1.20, high = 2. Pair 1 is half way:
// 1 - 0.5 * 0.75.
func TestYaRNOfASmallWindow(t *testing.T) {
	f := make([]float64, 4)
	require.NoError(t, window.YaRN{Factor: 4, Original: 100}.Frequencies(f, 10000))
	require.InDeltaSlice(t, []float64{1, 0.1 * 0.625, 0.01 * 0.25, 0.001 * 0.25}, f, 1e-15)
}

// Where every pair turns more than BetaFast times, none is stretched.
func TestYaRNWithoutSlowPairs(t *testing.T) {
	f, plain := make([]float64, 8), make([]float64, 8)
	require.NoError(t, window.YaRN{Factor: 2, Original: 1e6}.Frequencies(f, 10))
	require.NoError(t, window.YaRN{}.Frequencies(plain, 10))
	require.Equal(t, plain, f)
}

func TestYaRNRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for field, bad := range map[string][]window.YaRN{
		"Factor":   {{Factor: 0.5, Original: 1}, {Factor: -1}, {Factor: nan}, {Factor: inf, Original: 1}},
		"Original": {{Factor: 2}, {Factor: 2, Original: -5}},
		"BetaFast": {{BetaFast: 1}, {BetaFast: nan}, {BetaFast: -3}, {BetaFast: 2, BetaSlow: 3}},
		"BetaSlow": {{BetaSlow: -1}, {BetaSlow: nan}},
		"Scale":    {{Scale: -1}, {Scale: nan}, {Scale: inf}},
	} {
		for _, y := range bad {
			f := []float64{7}
			var e *window.YaRNError
			require.ErrorAs(t, y.Frequencies(f, 10000), &e, "%+v", y)
			require.Equal(t, field, e.Field)
			require.Equal(t, []float64{7}, f, "dst is left alone")
		}
	}
	for _, base := range []float64{0, 1, -2, nan, inf} {
		var e *window.YaRNError
		require.ErrorAs(t, window.YaRN{}.Frequencies(nil, base), &e)
		require.Equal(t, "base", e.Field)
	}
}

func ExampleYaRN_VLLM() {
	y := window.Extend(32768, 81920)
	flags, err := y.VLLM(1e6, 81920)
	fmt.Println(flags, err)
	flags, err = y.VLLMRopeScaling(81920)
	fmt.Println(flags, err)
	flags, err = window.YaRN{}.VLLM(1e6, 40960)
	fmt.Println(flags, err)
	// Output:
	// --hf-overrides '{"rope_parameters":{"rope_type":"yarn","factor":2.5,"original_max_position_embeddings":32768,"rope_theta":1000000}}' --max-model-len 81920 <nil>
	// --rope-scaling '{"rope_type":"yarn","factor":2.5,"original_max_position_embeddings":32768}' --max-model-len 81920 <nil>
	// --max-model-len 40960 <nil>
}

func ExampleYaRN_SGLang() {
	y := window.YaRN{Factor: 2, Original: 40960, BetaFast: 24, Exact: true}
	flags, err := y.SGLang(81920)
	fmt.Println(flags, err)
	// Output:
	// --json-model-override-args '{"rope_scaling":{"rope_type":"yarn","factor":2,"original_max_position_embeddings":40960,"beta_fast":24,"truncate":false}}' --context-length 81920 <nil>
}

func TestFlags(t *testing.T) {
	_, err := window.YaRN{Factor: 2}.SGLang(100)
	require.Error(t, err, "no original window")
	_, err = window.YaRN{}.VLLM(1e6, 0)
	require.Error(t, err, "no window")
	_, err = window.YaRN{Factor: 2, Original: 10}.VLLM(0, 20)
	require.Error(t, err, "no base")
	require.Equal(t, `a 'b c' 'd'\''e' ''`, window.Flags{"a", "b c", "d'e", ""}.String())
}
