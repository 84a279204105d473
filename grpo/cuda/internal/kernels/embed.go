// Package kernels is the device code: the .cu sources, and the PTX that build.sh makes
// of them.
package kernels

import _ "embed"

// Vocab is the vocabulary kernels.
//
//go:embed vocab.ptx
var Vocab []byte

// Objective is the kernels of the per-token objective.
//
//go:embed objective.ptx
var Objective []byte
