package grpo

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Objective is a point in the grid that every published objective sits on:
//
//	L = sum_i Share_i sum_t w_t l(LogRatio_t, A_t)  +  KL  -  Entropy
//
// with the ratio r of Ratio, the token loss l of Surrogate, the product w of
// Weights, and Share_i of Aggregation. Each term divides by its own count.
//
// It is a plain value: copy it, edit a field, print its formula, store it as JSON.
// Built-in parts are comparable structs, never closures.
type Objective struct {
	Ratio       Ratio
	Surrogate   Surrogate
	Weights     []Weight // detached factors >= 0 of the surrogate; they never change the counts
	KL          KL
	Entropy     Entropy
	Aggregation Aggregation
	NonFinite   NonFinite
}

// NonFinite says what happens to a value that is not finite at a counted token.
type NonFinite int

// Policies for non-finite values.
const (
	// Error returns a *ValueError that names field, response and token.
	Error NonFinite = iota

	// Drop removes the token (its gradient is 0, Totals are unchanged) and counts
	// it in Stats: at TokenLevel without weights the one token, else, where tokens
	// are coupled, the whole response.
	Drop
)

var nonFiniteNames = names{"error", "drop"}

func (n NonFinite) String() string { return nonFiniteNames.text(int(n)) }

// MarshalText writes the name.
func (n NonFinite) MarshalText() ([]byte, error) {
	return nonFiniteNames.marshal("non-finite policy", int(n))
}

// UnmarshalText reads the name.
func (n *NonFinite) UnmarshalText(b []byte) error {
	return nonFiniteNames.unmarshal("non-finite policy", b, (*int)(n))
}

// Validate returns an *ObjectiveError if a part is missing, has an impossible
// parameter, or contradicts another.
func (o *Objective) Validate() error {
	if err := o.Ratio.validate(); err != nil {
		return err
	}
	if err := validatePart("Surrogate", o.Surrogate); err != nil {
		return err
	}
	if l, ok := o.Surrogate.(Leveler); ok && !l.DefinedAt(o.Ratio.Level) {
		return &ObjectiveError{"Surrogate", fmt.Sprintf("%s is not defined at the ratio level %q", text(o.Surrogate), o.Ratio.Level)}
	}
	if o.Ratio.Level.Shared() && detached(o.Surrogate) {
		return &ObjectiveError{"Surrogate", fmt.Sprintf("its derivative goes to log pi of each token, which the ratio level %q does not have", o.Ratio.Level)}
	}
	for i, w := range o.Weights {
		if reason := o.weightFault(w); reason != "" {
			return &ObjectiveError{fmt.Sprintf("Weights[%d]", i), reason}
		}
	}
	if err := o.KL.validate(); err != nil {
		return err
	}
	if err := o.Entropy.validate(); err != nil {
		return err
	}
	if err := validatePart("Aggregation", o.Aggregation); err != nil {
		return err
	}
	if !nonFiniteNames.has(int(o.NonFinite)) {
		return &ObjectiveError{"NonFinite", fmt.Sprintf("%d is not a policy", o.NonFinite)}
	}
	return nil
}

// weightFault says why a weight can't be part of the objective, "" if it can.
func (o *Objective) weightFault(w Weight) string {
	if w == nil {
		return "missing"
	}
	if err := validate(w); err != nil {
		return err.Error()
	}
	if l, ok := w.(Leveler); ok && !l.DefinedAt(o.Ratio.Level) {
		return fmt.Sprintf("%s is not defined at the ratio level %q", text(w), o.Ratio.Level)
	}
	if o.Ratio.Anchor == Rollout && needs(w)&FieldRollout != 0 {
		return "a correction between trainer and sampler on a ratio that is already against the sampler: it would be applied twice"
	}
	return ""
}

// validatePart checks one rule: not nil, and content with its own parameters.
func validatePart(name string, part any) error {
	if part == nil {
		return &ObjectiveError{name, "missing"}
	}
	if err := validate(part); err != nil {
		return &ObjectiveError{name, err.Error()}
	}
	return nil
}

// validate checks a rule and, recursively, the rules in its exported fields, so
// that a wrapper with a nil part is an error and not a panic.
func validate(part any) error {
	if isNil(part) {
		return fmt.Errorf("a nil %T", part)
	}
	v := reflect.ValueOf(part)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || !isPart(f.Type) {
				continue
			}
			if v.Field(i).IsNil() {
				return fmt.Errorf("%T.%s is nil", part, f.Name)
			}
			if err := validate(v.Field(i).Interface()); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	if v, ok := part.(Validator); ok {
		return v.Validate()
	}
	return nil
}

// isPart reports whether t is one of the interfaces that an objective is made of.
func isPart(t reflect.Type) bool { return slices.Contains(partTypes, t) }

var partTypes = []reflect.Type{
	reflect.TypeFor[Surrogate](), reflect.TypeFor[Weight](), reflect.TypeFor[Aggregation](),
}

// isNil reports a nil pointer, func, map or slice inside an interface.
func isNil(part any) bool {
	switch v := reflect.ValueOf(part); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

func detached(s Surrogate) bool {
	d, ok := s.(Detacher)
	return ok && d.Detached()
}

// needs are the fields that a rule declares; undeclared is none.
func needs(rule any) Fields {
	if n, ok := rule.(Needer); ok {
		return n.Needs()
	}
	return 0
}

func (o *Objective) aggregationNeeds() Fields {
	f := needs(o.Aggregation)
	if o.KL.on() && o.KL.Aggregation != nil {
		f |= needs(o.KL.Aggregation)
	}
	if o.Entropy.on() && o.Entropy.Aggregation != nil {
		f |= needs(o.Entropy.Aggregation)
	}
	return f
}

// String returns the formula of the objective on one line.
func (o Objective) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v ", text(o.Aggregation))
	for _, w := range o.Weights {
		fmt.Fprintf(&s, "[%v] ", text(w))
	}
	s.WriteString(text(o.Surrogate))
	fmt.Fprintf(&s, ", r = %v", o.Ratio)
	if k := o.KL.String(); k != "" {
		s.WriteString("; + " + k)
	}
	if e := o.Entropy.String(); e != "" {
		s.WriteString("; - " + e)
	}
	return s.String()
}

// text is a part's formula if it has one, else its type.
func text(part any) string {
	if part == nil {
		return "(missing)"
	}
	if s, ok := part.(fmt.Stringer); ok && !isNil(part) {
		return s.String()
	}
	return fmt.Sprintf("%T", part)
}
