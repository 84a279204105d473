package eval

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Contains reports whether x lies in the interval, ends included.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// String returns "[0.6120, 0.6740]".
func (i Interval) String() string { return fmt.Sprintf("[%.4f, %.4f]", i.Low, i.High) }

// Options of intervals. The zero value is a 95 % interval of pass@1.
type Options struct {
	K         int     // pass@K; 0: 1
	Level     float64 // confidence, in (0, 1); 0: 0.95
	Resamples int     // of a bootstrap; 0: 10,000
	Seed      uint64  // of a bootstrap: equal seeds, equal intervals
}

// OptionsError says which option cannot be.
type OptionsError struct {
	Field string
	Value any
	Why   string
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("eval: option %s = %v: %s", e.Field, e.Value, e.Why)
}

func (o Options) withDefaults() (Options, error) {
	if o.K == 0 {
		o.K = 1
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Resamples == 0 {
		o.Resamples = 10_000
	}
	switch {
	case !(o.Level > 0 && o.Level < 1):
		return o, &OptionsError{"Level", o.Level, "want between 0 and 1"}
	case o.Resamples < 0:
		return o, &OptionsError{"Resamples", o.Resamples, "negative"}
	}
	return o, nil
}

// ClustersError is an interval over fewer than two clusters, which have no spread.
type ClustersError struct{ Clusters int }

func (e *ClustersError) Error() string {
	return fmt.Sprintf("eval: an interval needs two clusters of problems, there is %d", e.Clusters)
}

// Wilson is the score interval of a plain proportion, of independent yes-or-no
// trials: correct of n (Wilson, 1927). With p = correct/n and z the normal
// quantile of (1+level)/2,
//
//	(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// It is right for greedy decoding of unrelated problems, and keeps a width at 0
// and n. Several samples a problem, or problems of one kind, are not independent:
// for these take Clustered or Bootstrap. level 0 is 0.95.
func Wilson(correct, n int, level float64) (Interval, error) {
	o, err := Options{Level: level}.withDefaults()
	if err != nil {
		return Interval{}, err
	}
	if err := (&Result{Samples: n, Correct: correct}).check(); err != nil {
		return Interval{}, err
	}
	z := distuv.UnitNormal.Quantile((1 + o.Level) / 2)
	m, p := float64(n), float64(correct)/float64(n)
	middle := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	i := Interval{(middle - half) / (1 + z*z/m), (middle + half) / (1 + z*z/m)}
	if correct == 0 {
		i.Low = 0 // not 1e-17
	}
	if correct == n {
		i.High = 1
	}
	return i, nil
}

// Clustered is the interval of a mean over N problems in C clusters, from the
// spread between clusters (Miller, "Adding Error Bars to Evals",
// https://arxiv.org/abs/2411.00640; Liang and Zeger, 1986). With x_i a problem's
// pass@K, m their mean and t the quantile of Student's t with C-1 degrees of
// freedom,
//
//	m ± t sqrt( C/(C-1) sum_c (sum_{i in c} (x_i - m))² ) / N
//
// cut to [0, 1]. A problem without a Cluster is one of its own; if none has one
// it is the ordinary interval of a mean. That a problem's own n samples are few is
// in the spread already. It has no width if all problems scored the same.
func Clustered(results []Result, o Options) (Interval, error) {
	s, o, err := newSample(results, o)
	if err != nil {
		return Interval{}, err
	}
	return s.clustered(o).cut(), nil
}

// Bootstrap is the percentile interval of the mean, Resamples times computed from
// as many clusters as there are, drawn with replacement; a cluster brings all its
// problems. Seed alone decides the draws. With fewer than some 30 clusters it is
// too narrow; Clustered's t is the safer one there. Two results of one problem are
// one cluster.
func Bootstrap(results []Result, o Options) (Interval, error) {
	s, o, err := newSample(results, o)
	if err != nil {
		return Interval{}, err
	}
	return s.bootstrap(o), nil
}

func (i Interval) cut() Interval { return Interval{max(i.Low, 0), min(i.High, 1)} }

// A sample is the sum and the number of the scores in every cluster, clusters in
// the order of their names, so that the order of results decides nothing.
type sample struct {
	sum   []float64
	count []float64
	n     float64
	mean  float64
}

func newSample(results []Result, o Options) (*sample, Options, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, o, err
	}
	if len(results) == 0 {
		return nil, o, ErrNoResults
	}
	scores := make([]float64, len(results))
	for i := range results {
		if scores[i], err = results[i].PassK(o.K); err != nil {
			return nil, o, err
		}
	}
	s := clusterScores(results, scores)
	if len(s.sum) < 2 {
		return nil, o, &ClustersError{len(s.sum)}
	}
	return s, o, nil
}

// clusterScores sums one score a result into clusters.
func clusterScores(results []Result, scores []float64) *sample {
	type key struct{ cluster, problem string } // one of the two is ""
	type row struct {
		key   key
		score float64
	}
	rows := make([]row, len(results))
	for i := range results {
		k := key{cluster: results[i].Cluster}
		if k.cluster == "" {
			k.problem = results[i].Problem
		}
		rows[i] = row{k, scores[i]}
	}
	slices.SortFunc(rows, func(a, b row) int {
		switch {
		case a.key.cluster != b.key.cluster:
			return cmp.Compare(a.key.cluster, b.key.cluster)
		case a.key.problem != b.key.problem:
			return cmp.Compare(a.key.problem, b.key.problem)
		}
		return cmp.Compare(a.score, b.score)
	})
	s := new(sample)
	total := 0.0
	for i, r := range rows {
		if i == 0 || r.key != rows[i-1].key {
			s.sum, s.count = append(s.sum, 0), append(s.count, 0)
		}
		s.sum[len(s.sum)-1] += r.score
		s.count[len(s.count)-1]++
		total += r.score
	}
	s.n = float64(len(rows))
	s.mean = total / s.n
	return s
}

func (s *sample) clustered(o Options) Interval {
	c := float64(len(s.sum))
	squares := 0.0
	for i := range s.sum {
		d := s.sum[i] - s.count[i]*s.mean
		squares += d * d
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: c - 1}.Quantile((1 + o.Level) / 2)
	half := t * math.Sqrt(c/(c-1)*squares) / s.n
	return Interval{s.mean - half, s.mean + half}
}

func (s *sample) bootstrap(o Options) Interval {
	random := rand.New(rand.NewPCG(o.Seed, 0x6576616c)) // "eval": a stream of its own
	means := make([]float64, o.Resamples)
	for b := range means {
		sum, count := 0.0, 0.0
		for range s.sum {
			c := random.IntN(len(s.sum))
			sum += s.sum[c]
			count += s.count[c]
		}
		means[b] = sum / count
	}
	slices.Sort(means)
	return Interval{quantile(means, (1-o.Level)/2), quantile(means, (1+o.Level)/2)}
}

// quantile interpolates between the two nearest of the sorted values.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	f := at - float64(i)
	return sorted[i]*(1-f) + sorted[i+1]*f
}
