package compat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
)

// Recipe is what some versions of a framework compute under one name.
type Recipe struct {
	Framework string // "verl"
	Name      string // as the framework calls it: "gspo"
	From      string // first version that it holds for; "": the oldest looked at
	Before    string // first version that it no longer holds for; "": none yet

	Objective  grpo.Objective      // KL and Entropy have the framework's form and its default coefficient, often 0
	Advantage  advantage.Estimator // the framework's own for this objective, else that of its group-relative estimator
	Correction []grpo.Weight       // goes into Objective.Weights where the framework corrects for its sampler by default
	Scale      float64             // of the gradient, for Evaluator.Scale: 1 but for NousCoder

	Metrics map[string]string // our metric (grpo.Metrics) -> the framework's name
	Source  string            // where it was read
	Note    string            // what to know before comparing numbers; "" for nothing
}

// String returns "framework/name [from, before)".
func (r Recipe) String() string {
	s := r.Framework + "/" + r.Name
	switch {
	case r.From != "" && r.Before != "":
		return fmt.Sprintf("%s [%s, %s)", s, r.From, r.Before)
	case r.From != "":
		return fmt.Sprintf("%s from %s", s, r.From)
	case r.Before != "":
		return fmt.Sprintf("%s before %s", s, r.Before)
	}
	return s
}

// Recipes returns all recipes: by framework, then as its table has them.
func Recipes() []Recipe {
	var all []Recipe
	for _, table := range []func() []Recipe{
		trl, verl, openRLHF, nemoRL, openInstruct, skyRL, slime, primeRL, nousCoder,
	} {
		for _, r := range table() {
			if r.Scale == 0 {
				r.Scale = 1
			}
			all = append(all, r)
		}
	}
	return all
}

// RecipeError says that there is no recipe for what was asked, and what there is.
type RecipeError struct {
	Framework, Version, Name string
	Reason                   string
}

func (e *RecipeError) Error() string {
	return fmt.Sprintf("compat: %s/%s at version %q: %s", e.Framework, e.Name, e.Version, e.Reason)
}

// Find returns the recipe of a framework's version, such as ("trl", "1.16.0",
// "grpo"). An empty version is the newest. Versions are numbers with dots; what
// follows a number, as in "0.9.0.dev1" or "1.10rc2", is not looked at.
func Find(framework, version, name string) (Recipe, error) {
	v, err := parseVersion(version)
	if err != nil {
		return Recipe{}, &RecipeError{framework, version, name, err.Error()}
	}
	var names, frameworks []string
	for _, r := range Recipes() {
		if !contains(frameworks, r.Framework) {
			frameworks = append(frameworks, r.Framework)
		}
		if r.Framework != framework {
			continue
		}
		if r.Name == name && r.holds(v) {
			return r, nil
		}
		if !contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	if names == nil {
		return Recipe{}, &RecipeError{framework, version, name, fmt.Sprintf("no such framework: want one of %q", frameworks)}
	}
	return Recipe{}, &RecipeError{framework, version, name, fmt.Sprintf("no such recipe: want one of %q", names)}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// holds reports whether the recipe is that of a version; nil is the newest.
func (r *Recipe) holds(v []int) bool {
	if v == nil {
		return r.Before == ""
	}
	from, _ := parseVersion(r.From)
	before, _ := parseVersion(r.Before)
	return (from == nil || !less(v, from)) && (before == nil || less(v, before))
}

// parseVersion reads the leading numbers of a version; nil for "".
func parseVersion(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var v []int
	for _, field := range strings.Split(strings.TrimPrefix(s, "v"), ".") {
		end := 0
		for end < len(field) && field[end] >= '0' && field[end] <= '9' {
			end++
		}
		if end == 0 {
			break
		}
		n, err := strconv.Atoi(field[:end])
		if err != nil {
			return nil, err
		}
		v = append(v, n)
		if end < len(field) {
			break
		}
	}
	if v == nil {
		return nil, errors.New("a version starts with a number")
	}
	return v, nil
}

// less compares versions number by number; missing ones are 0.
func less(a, b []int) bool {
	for i := range max(len(a), len(b)) {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return x < y
		}
	}
	return false
}
