package grpo

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"math"

	"github.com/grouprl/grouprl/internal/exact"
)

// Stats are what an Evaluator measured over counted tokens. They hold exact sums
// and counts, never means of means: merging the Stats of a step's micro-batches
// and ranks gives the step's, to the last bit. The zero value is an empty Stats.
//
// Every metric has a name and a method or an entry of All; Metrics is their table.
type Stats struct {
	sums     [numSums]exact.Sum
	counts   [numCounts]int64
	ratioMin float64 // over measured tokens; meaningless without one
	ratioMax float64
}

const (
	sumSurrogate   = iota // Share_i sum_t w_t l_t
	sumKLTerm             // Coefficient Share_i sum_t f_t k_t
	sumEntropyTerm        // -Coefficient Share_i sum_t H_t
	sumRatio
	sumRatioSquared
	sumK1 // old - lp
	sumK2
	sumK3
	sumWeight
	sumWeightSquared
	sumKL
	sumEntropy
	numSums
)

const (
	countTokens      = iota // counted, dropped ones included
	countResponses          // with a counted token
	countAll                // every response
	countDropped            // tokens that NonFinite dropped
	countMeasured           // tokens in the ratio and k1..k3 sums
	countLowNegative        // held at the low side, A < 0
	countLowPositive        // held at the low side, A > 0
	countHighNegative
	countHighPositive
	countHeldResponses // with a held token
	countWeighted      // tokens that weights saw
	countZeroWeight
	countKL      // tokens in sumKL
	countEntropy // tokens in sumEntropy
	numCounts
)

// Merge adds u to s.
func (s *Stats) Merge(u *Stats) {
	for i := range s.sums {
		s.sums[i].Merge(&u.sums[i])
	}
	if u.counts[countMeasured] > 0 {
		s.measure(u.ratioMin, u.ratioMax)
	}
	for i := range s.counts {
		s.counts[i] += u.counts[i]
	}
}

// measure widens the range of ratios; the caller then adds to countMeasured.
func (s *Stats) measure(low, high float64) {
	if s.counts[countMeasured] == 0 {
		s.ratioMin, s.ratioMax = low, high
		return
	}
	s.ratioMin, s.ratioMax = min(s.ratioMin, low), max(s.ratioMax, high)
}

// Loss returns the loss L: surrogate plus KL minus entropy bonus, for the batches
// merged so far of the step's Totals. It is rounded once.
func (s *Stats) Loss() float64 {
	total := s.sums[sumSurrogate]
	total.Merge(&s.sums[sumKLTerm])
	total.Merge(&s.sums[sumEntropyTerm])
	return total.Value()
}

// Surrogate returns the surrogate's part of the loss.
func (s *Stats) Surrogate() float64 { return s.sums[sumSurrogate].Value() }

// KLTerm returns the KL penalty's part of the loss, coefficient included.
func (s *Stats) KLTerm() float64 { return s.sums[sumKLTerm].Value() }

// EntropyTerm returns the entropy bonus's part of the loss, coefficient and sign included.
func (s *Stats) EntropyTerm() float64 { return s.sums[sumEntropyTerm].Value() }

// Tokens returns the number of counted tokens, dropped ones included.
func (s *Stats) Tokens() int64 { return s.counts[countTokens] }

// Responses returns the number of responses with a counted token.
func (s *Stats) Responses() int64 { return s.counts[countResponses] }

// Dropped returns the number of counted tokens that NonFinite dropped.
func (s *Stats) Dropped() int64 { return s.counts[countDropped] }

// ClipFraction returns the share of counted tokens whose ratio is held at a bound
// and, of these, the shares below (ratio < 1) and above.
func (s *Stats) ClipFraction() (all, low, high float64) {
	low = s.fraction(s.counts[countLowNegative]+s.counts[countLowPositive], countTokens)
	high = s.fraction(s.counts[countHighNegative]+s.counts[countHighPositive], countTokens)
	n := s.counts[countLowNegative] + s.counts[countLowPositive] + s.counts[countHighNegative] + s.counts[countHighPositive]
	return s.fraction(n, countTokens), low, high
}

// ClippedResponses returns the share of counted responses with a held token.
func (s *Stats) ClippedResponses() float64 {
	return s.fraction(s.counts[countHeldResponses], countResponses)
}

// RatioRange returns the smallest, mean and largest ratio; NaN if none was measured.
func (s *Stats) RatioRange() (low, mean, high float64) {
	if s.counts[countMeasured] == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return s.ratioMin, s.mean(sumRatio, countMeasured), s.ratioMax
}

func (s *Stats) fraction(n int64, of int) float64 {
	if s.counts[of] == 0 {
		return math.NaN()
	}
	return float64(n) / float64(s.counts[of])
}

func (s *Stats) mean(sum, count int) float64 {
	if s.counts[count] == 0 {
		return math.NaN()
	}
	return s.sums[sum].Value() / float64(s.counts[count])
}

// ess is Kish's effective sample size as a share: (sum x)^2 / (n sum x^2).
func (s *Stats) ess(sum, squared, count int) float64 {
	x, xx := s.sums[sum].Value(), s.sums[squared].Value()
	if s.counts[count] == 0 {
		return math.NaN()
	}
	if xx == 0 {
		return 0
	}
	return x / xx * x / float64(s.counts[count])
}

// All yields every metric that was measured, by the name in Metrics and in its
// order: a NaN (nothing to measure) is left out.
func (s *Stats) All() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, m := range metrics {
			if x := m.value(s); !math.IsNaN(x) && !yield(m.Name, x) {
				return
			}
		}
	}
}

// LogValue implements slog.LogValuer: a group of all metrics.
func (s Stats) LogValue() slog.Value {
	var attrs []slog.Attr
	for name, x := range s.All() {
		attrs = append(attrs, slog.Float64(name, x))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON writes all metrics as one object, for logs. It can't be read back:
// MarshalBinary is what travels between ranks.
func (s Stats) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for name, x := range s.All() {
		if math.IsInf(x, 0) {
			continue // JSON has no infinity; All has it
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		value, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = append(b, value...)
	}
	return append(b, '}'), nil
}

const statsVersion = 1

var errStatsEncoding = errors.New("grpo: not the encoding of Stats")

// MarshalBinary encodes s exactly: Stats that are equal, in whatever order and
// split they were merged, give equal bytes.
func (s *Stats) MarshalBinary() ([]byte, error) {
	b := []byte{statsVersion}
	for i := range s.sums {
		b, _ = s.sums[i].AppendBinary(b)
	}
	for _, n := range s.counts {
		b = binary.AppendVarint(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.ratioMin))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(s.ratioMax)), nil
}

// UnmarshalBinary decodes what MarshalBinary wrote.
func (s *Stats) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != statsVersion {
		return errStatsEncoding
	}
	b = b[1:]
	var u Stats
	var err error
	for i := range u.sums {
		if b, err = u.sums[i].ConsumeBinary(b); err != nil {
			return errStatsEncoding
		}
	}
	r := varints{b: b}
	for i := range u.counts {
		u.counts[i] = r.next()
	}
	if r.bad || len(r.b) != 16 {
		return errStatsEncoding
	}
	u.ratioMin = math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	u.ratioMax = math.Float64frombits(binary.LittleEndian.Uint64(r.b[8:]))
	*s = u
	return nil
}
