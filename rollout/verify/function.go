package verify

import (
	"math"
	"math/big"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

// equalReturn reports whether a function's encoded return value equals what is
// expected under Python's ==, as LiveCodeBench applies it: a tuple at the top counts
// as a list, a nested one does not; True == 1 == 1.0; NaN equals nothing. Equality is
// decided on plain data here, so an object that claims to equal everything equals
// nothing.
func equalReturn(data []byte, want *sandbox.Value) bool {
	got, err := sandbox.DecodeValue(data, count(want))
	if err != nil {
		return false
	}
	if got.Kind == sandbox.Tuple {
		got.Kind = sandbox.List
	}
	return equalValue(&got, want)
}

// count returns how many values v holds, itself included. What equals v holds as many.
func count(v *sandbox.Value) int {
	n := 1
	for i := range v.Items {
		n += count(&v.Items[i])
	}
	return n
}

// equalValue is Python's == on plain data; want comes from JSON.
func equalValue(got, want *sandbox.Value) bool {
	if isNumber(got) && isNumber(want) {
		return equalNumber(got, want)
	}
	if got.Kind != want.Kind {
		return false
	}
	switch got.Kind {
	case sandbox.None:
		return true
	case sandbox.String:
		return got.Str == want.Str
	case sandbox.List:
		if len(got.Items) != len(want.Items) {
			return false
		}
		for i := range got.Items {
			if !equalValue(&got.Items[i], &want.Items[i]) {
				return false
			}
		}
		return true
	case sandbox.Dict:
		return equalDict(got, want)
	}
	return false
}

func equalDict(got, want *sandbox.Value) bool {
	if len(got.Items) != len(want.Items) {
		return false
	}
	left := make(map[string]*sandbox.Value, len(want.Items)/2)
	for i := 0; i < len(want.Items); i += 2 {
		left[want.Items[i].Str] = &want.Items[i+1] // JSON's keys are strings
	}
	for i := 0; i < len(got.Items); i += 2 {
		key := &got.Items[i]
		item, ok := left[key.Str]
		if key.Kind != sandbox.String || !ok || !equalValue(&got.Items[i+1], item) {
			return false
		}
		delete(left, key.Str)
	}
	return true
}

func isNumber(v *sandbox.Value) bool {
	switch v.Kind {
	case sandbox.True, sandbox.False, sandbox.Int, sandbox.Float:
		return true
	}
	return false
}

// equalNumber compares exactly, whatever the types.
func equalNumber(a, b *sandbox.Value) bool {
	x, y := integer(a), integer(b)
	switch {
	case x != nil && y != nil:
		return x.Cmp(y) == 0
	case x == nil && y == nil:
		return a.Float == b.Float
	}
	return false // one has a fraction, or is not finite
}

// integer returns the value as an integer, or nil if it is none.
func integer(v *sandbox.Value) *big.Int {
	switch v.Kind {
	case sandbox.True:
		return big.NewInt(1)
	case sandbox.False:
		return new(big.Int)
	case sandbox.Int:
		return v.Int
	}
	if math.IsInf(v.Float, 0) || v.Float != math.Trunc(v.Float) {
		return nil
	}
	n, _ := big.NewFloat(v.Float).Int(nil)
	return n
}
