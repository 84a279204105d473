//go:build noasm || purego

package simd

const pure = true
