package eval

import (
	"fmt"
	"slices"
	"strings"
)

// Comparison is run b against run a on the same problems, problem by problem.
type Comparison struct {
	Problems  int      `json:"problems"`
	Clusters  int      `json:"clusters"`
	A         float64  `json:"a"`         // mean pass@K
	B         float64  `json:"b"`         // the same
	Diff      float64  `json:"diff"`      // B - A
	Clustered Interval `json:"clustered"` // of Diff, from the spread of the differences between clusters
	Bootstrap Interval `json:"bootstrap"` // of Diff, by resampling clusters of problem pairs
	Better    int      `json:"better"`    // problems on which b scored more than a
	Worse     int      `json:"worse"`     // ... less
}

// String is one line: both means, the difference and both its intervals.
func (c Comparison) String() string {
	return fmt.Sprintf("%.4f -> %.4f, difference %+.4f, clustered %v, bootstrap %v, %d problems better, %d worse of %d in %d clusters",
		c.A, c.B, c.Diff, c.Clustered, c.Bootstrap, c.Better, c.Worse, c.Problems, c.Clusters)
}

// PairError is a problem that two runs do not have in common, or not alike.
type PairError struct {
	Problem string
	Why     string
}

func (e *PairError) Error() string {
	return fmt.Sprintf("eval: problem %q cannot be paired: %s", e.Problem, e.Why)
}

// Compare pairs the problems of two runs by ID and looks at the difference of
// their pass@K: what is hard for both cancels, so a difference shows that the two
// runs' own intervals would hide. The intervals are Clustered's and Bootstrap's
// formulas on the differences, not cut; 0 outside of them is a difference beyond
// the noise of problems and samples (not of training seeds). The order of results
// and the number of samples may differ. A problem that only one run has, has
// twice, or puts in another cluster is a *PairError.
func Compare(a, b []Result, o Options) (Comparison, error) {
	var c Comparison
	o, err := o.withDefaults()
	if err != nil {
		return c, err
	}
	if len(a) == 0 || len(b) == 0 {
		return c, ErrNoResults
	}
	a, b = sorted(a), sorted(b)
	diffs := make([]float64, len(a))
	scoresA, scoresB := make([]float64, len(a)), make([]float64, len(a))
	for i := range a {
		switch {
		case i > 0 && a[i].Problem == a[i-1].Problem:
			return c, &PairError{a[i].Problem, "the first run has it twice"}
		case i > 0 && i < len(b) && b[i].Problem == b[i-1].Problem:
			return c, &PairError{b[i].Problem, "the second run has it twice"}
		case i >= len(b) || a[i].Problem < b[i].Problem:
			return c, &PairError{a[i].Problem, "only the first run has it"}
		case a[i].Problem > b[i].Problem:
			return c, &PairError{b[i].Problem, "only the second run has it"}
		case a[i].Cluster != b[i].Cluster:
			return c, &PairError{a[i].Problem, fmt.Sprintf("it is in cluster %q in one run, in %q in the other", a[i].Cluster, b[i].Cluster)}
		}
		if scoresA[i], err = a[i].PassK(o.K); err != nil {
			return c, err
		}
		if scoresB[i], err = b[i].PassK(o.K); err != nil {
			return c, err
		}
		diffs[i] = scoresB[i] - scoresA[i]
		switch {
		case diffs[i] > 0:
			c.Better++
		case diffs[i] < 0:
			c.Worse++
		}
	}
	if len(b) > len(a) {
		p := b[len(a)].Problem
		if p == b[len(a)-1].Problem {
			return Comparison{}, &PairError{p, "the second run has it twice"}
		}
		return Comparison{}, &PairError{p, "only the second run has it"}
	}
	s := clusterScores(a, diffs)
	if len(s.sum) < 2 {
		return Comparison{}, &ClustersError{len(s.sum)}
	}
	c.Problems, c.Clusters = len(a), len(s.sum)
	c.A, c.B, c.Diff = clusterScores(a, scoresA).mean, clusterScores(a, scoresB).mean, s.mean
	c.Clustered, c.Bootstrap = s.clustered(o), s.bootstrap(o)
	return c, nil
}

func sorted(results []Result) []Result {
	return slices.SortedStableFunc(slices.Values(results), func(a, b Result) int { return strings.Compare(a.Problem, b.Problem) })
}
