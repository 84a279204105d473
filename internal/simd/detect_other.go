//go:build !amd64 || !gc || noasm || purego

package simd

func detect() Tier { return Generic }
