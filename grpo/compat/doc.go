// Package compat holds what other frameworks compute, as versioned recipes: advantage
// options, objective, gradient scale and metric names, each with the source that it
// was read from. The core stays clean of their epsilons, clamps and factors.
//
//	r, err := compat.Find("verl", "0.9.1", "gspo")
//	objective, estimator := r.Objective, r.Advantage
//	evaluator := grpo.Evaluator[float32]{Scale: r.Scale}
//
// A recipe is the framework's default for one of its objectives: edit a field for
// yours. Those of TRL, verl and OpenRLHF are compared with the packages themselves
// (package grpotest, Golden); the others were read from their sources.
//
// What peers do that is not matched, and why, is NotMatched.
package compat
