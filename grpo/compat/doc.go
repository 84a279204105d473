// Package compat holds what frameworks compute, as versioned recipes: advantage
// options, objective, gradient scale and metric names, each with the source that it
// was read from. The core stays clean of their epsilons, clamps and factors.
package compat
