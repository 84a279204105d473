package main

import (
	"math/rand/v2"
	"testing"
)

// A policy that draws at random earns 0.5; the best arm of every prompt earns 1.
func TestTrainerLearns(t *testing.T) {
	for seed := range uint64(3) {
		history := train(60, 4, rand.New(rand.NewPCG(seed, 0)))
		first, last := 0.0, 0.0
		for k := range 5 {
			first += history[k] / 5
			last += history[len(history)-1-k] / 5
		}
		if first > 0.7 || last < 0.95 {
			t.Errorf("seed %d: reward from %.2f to %.2f, want from below 0.7 to above 0.95", seed, first, last)
		}
	}
}

// Micro-batches are the same step to the last bit, so the seed alone decides.
func TestTrainerIsReproducible(t *testing.T) {
	a, b := train(20, 4, rand.New(rand.NewPCG(7, 0))), train(20, 4, rand.New(rand.NewPCG(7, 0)))
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("step %d: %v and %v", i, a[i], b[i])
		}
	}
}
