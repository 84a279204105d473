package grpotest

import (
	"reflect"
	"slices"

	"github.com/grouprl/grouprl/grpo"
)

// Matches reports whether a golden case is about this row: it has one of its keys,
// and the part that the row is about, at the same level, with the same choices and
// the same bounds in use, whatever their size.
func (r Row) Matches(c *Case) bool {
	if !slices.Contains(r.Golden, c.Key) {
		return false
	}
	own := r.New()
	switch r.Kind {
	case Weight:
		have := slices.Concat(c.Objective.Weights, c.Reject)
		return slices.ContainsFunc(have, func(w grpo.Weight) bool { return alike(own.Weights[0], w) })
	case Penalty:
		return sameKL(own.KL, c.Objective.KL) && sameEntropy(own.Entropy, c.Objective.Entropy)
	case Aggregation:
		return sameMean(own, c.Objective)
	}
	a, b := own.Ratio, c.Objective.Ratio
	return a.Level == b.Level && (a.Clamp.Pessimistic == b.Clamp.Pessimistic) && alike(own.Surrogate, c.Objective.Surrogate) &&
		(!r.named() || sameMean(own, c.Objective))
}

// named reports whether the aggregation is what makes the row: those that share
// their surrogate with another.
func (r Row) named() bool {
	return slices.Contains([]string{"GRPO", "DAPO", "Dr.GRPO", "GSPO", "GSPO+"}, r.Name)
}

// sameMean compares aggregations by name, so that a framework's epsilon in a length
// makes no difference.
func sameMean(a, b grpo.Objective) bool {
	return reflect.TypeOf(a.Aggregation).Name() == reflect.TypeOf(b.Aggregation).Name()
}

func sameKL(a, b grpo.KL) bool {
	if a.Coefficient == 0 {
		return true
	}
	return b.Coefficient != 0 && a.Against == b.Against && a.Estimator == b.Estimator && a.Gradient == b.Gradient &&
		a.Factor.Mode == b.Factor.Mode && a.Factor.Level == b.Factor.Level && a.Factor.Anchor == b.Factor.Anchor
}

func sameEntropy(a, b grpo.Entropy) bool {
	return a.Coefficient == 0 || b.Coefficient != 0 && (a.Aggregation == nil) == (b.Aggregation == nil)
}

// alike reports whether two parts are of one type, make the same choices, and have
// the same numbers in use (other than 0).
func alike(a, b any) bool { return alikeValues(reflect.ValueOf(a), reflect.ValueOf(b)) }

func alikeValues(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !alikeValues(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alikeValues(a.Elem(), b.Elem())
	case reflect.Float64:
		return a.IsZero() == b.IsZero()
	}
	return a.Equal(b)
}
