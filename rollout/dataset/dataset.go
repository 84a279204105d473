// Package dataset gives programming problems to train and to evaluate on.
//
// Builtin is a set of its own, ready to use. The public sets come as files:
//
//	RLVR           NousResearch/RLVR_Coding_Problems, lcb_test     JSON lines
//	LiveCodeBench  livecodebench/code_generation_lite              JSON lines
//	TACO           likaixin/TACO-verified                          JSON
//	Synthetic1     PrimeIntellect/SYNTHETIC-1 and kin              JSON lines, Parquet
//	CodeContests   deepmind/code_contests                          JSON lines, Parquet
//	DeepCoder      agentica-org/DeepCoder-Preview-Dataset          Parquet
//	Verl           sets prepared for verl                          Parquet
//
// Each name is a Schema: a function that makes a problem of a row. Open reads the
// JSON files with it; the nested module dataset/parquet reads the others.
//
// Sets are iterators over problems, and what one does with them is functions from
// iterators to iterators: Mix, Window.Keep, Audit, Overlap. Problems are light,
// whatever their tests weigh: tests stay in the file until they are ranged over.
package dataset

import (
	"iter"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset/builtin"
)

// Builtin yields the problems that come with the library: programs that read
// stdin, easy to hard, and then functions. Package builtin has them with other
// seeds, and with wrong and slow programs beside the right ones.
func Builtin() iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for p, err := range builtin.All(0) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&p.Problem, nil) {
				return
			}
		}
	}
}
