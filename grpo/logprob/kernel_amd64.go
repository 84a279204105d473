//go:build amd64 && gc && !noasm && !purego

package logprob

import (
	"math"
	"unsafe"

	"github.com/grouprl/grouprl/internal/simd"
)

//go:generate env GOWORK=off go run -C _generate . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg logprob

// forwardKernel runs forwardGo's kernel for a tier and an element over x, whose length
// is a positive multiple of pad. Without squares those sums are not made.
func forwardKernel[E Element](tier simd.Tier, x []E, k *forwardState, squares bool) int {
	if tier == simd.Generic || k.reference.plain {
		return forwardPlain(x, k, squares)
	}
	n, first := len(x), &k.scale[0]
	wide, whole := tier == simd.AVX512, k.hasRest()
	switch x := any(x).(type) {
	case []float32:
		switch {
		case wide && k.masked && squares:
			return forwardAVX512F32MaskedSquares(&x[0], n, first)
		case wide && k.masked:
			return forwardAVX512F32Masked(&x[0], n, first)
		case wide && whole && squares:
			return forwardAVX512F32WholeSquares(&x[0], n, first)
		case wide && whole:
			return forwardAVX512F32Whole(&x[0], n, first)
		case wide && squares:
			return forwardAVX512F32Squares(&x[0], n, first)
		case wide:
			return forwardAVX512F32(&x[0], n, first)
		case whole && squares:
			return forwardAVX2F32WholeSquares(&x[0], n, first)
		case whole:
			return forwardAVX2F32Whole(&x[0], n, first)
		case squares:
			return forwardAVX2F32Squares(&x[0], n, first)
		}
		return forwardAVX2F32(&x[0], n, first)
	case []BFloat16:
		p := (*uint16)(&x[0])
		switch {
		case wide && k.masked && squares:
			return forwardAVX512BF16MaskedSquares(p, n, first)
		case wide && k.masked:
			return forwardAVX512BF16Masked(p, n, first)
		case wide && whole && squares:
			return forwardAVX512BF16WholeSquares(p, n, first)
		case wide && whole:
			return forwardAVX512BF16Whole(p, n, first)
		case wide && squares:
			return forwardAVX512BF16Squares(p, n, first)
		case wide:
			return forwardAVX512BF16(p, n, first)
		case whole && squares:
			return forwardAVX2BF16WholeSquares(p, n, first)
		case whole:
			return forwardAVX2BF16Whole(p, n, first)
		case squares:
			return forwardAVX2BF16Squares(p, n, first)
		}
		return forwardAVX2BF16(p, n, first)
	case []Float16:
		p := (*uint16)(&x[0])
		switch {
		case wide && k.masked && squares:
			return forwardAVX512F16MaskedSquares(p, n, first)
		case wide && k.masked:
			return forwardAVX512F16Masked(p, n, first)
		case wide && whole && squares:
			return forwardAVX512F16WholeSquares(p, n, first)
		case wide && whole:
			return forwardAVX512F16Whole(p, n, first)
		case wide && squares:
			return forwardAVX512F16Squares(p, n, first)
		case wide:
			return forwardAVX512F16(p, n, first)
		case whole && squares:
			return forwardAVX2F16WholeSquares(p, n, first)
		case whole:
			return forwardAVX2F16Whole(p, n, first)
		case squares:
			return forwardAVX2F16Squares(p, n, first)
		}
		return forwardAVX2F16(p, n, first)
	}
	panic("unreachable")
}

// largestKernel runs largestGo's kernel over x, whose length is a positive multiple of pad.
func largestKernel[E Element](tier simd.Tier, x []E) float32 {
	if tier == simd.Generic {
		return largestGo(x)
	}
	var top [16]float32
	fill(&top, float32(math.Inf(-1)))
	n, wide := len(x), tier == simd.AVX512
	switch x := any(x).(type) {
	case []float32:
		if wide {
			largestAVX512F32(&x[0], n, &top[0])
		} else {
			largestAVX2F32(&x[0], n, &top[0])
		}
	case []BFloat16:
		if p := (*uint16)(&x[0]); wide {
			largestAVX512BF16(p, n, &top[0])
		} else {
			largestAVX2BF16(p, n, &top[0])
		}
	case []Float16:
		if p := (*uint16)(&x[0]); wide {
			largestAVX512F16(p, n, &top[0])
		} else {
			largestAVX2F16(p, n, &top[0])
		}
	}
	return largestGo(top[:])
}

// keepKernel is forwardKernel that also keeps every e in dst, which may be x.
func keepKernel(tier simd.Tier, dst, x []float32, k *forwardState) int {
	if k.reference.plain {
		return keepGo(dst, x, k)
	}
	n, first := len(x), &k.scale[0]
	wide, whole := tier == simd.AVX512, k.hasRest()
	switch {
	case wide && k.masked:
		return forwardAVX512F32MaskedKeep(&dst[0], &x[0], n, first)
	case wide && whole:
		return forwardAVX512F32WholeKeep(&dst[0], &x[0], n, first)
	case wide:
		return forwardAVX512F32Keep(&dst[0], &x[0], n, first)
	case whole:
		return forwardAVX2F32WholeKeep(&dst[0], &x[0], n, first)
	}
	return forwardAVX2F32Keep(&dst[0], &x[0], n, first)
}

// keeps says whether a tier gains by keepKernel.
func keeps(tier simd.Tier) bool { return tier != simd.Generic }

// scaleKernel multiplies in place.
func scaleKernel(tier simd.Tier, x []float32, factor float32) {
	n := len(x) &^ (pad - 1)
	switch {
	case n == 0 || tier == simd.Generic:
		n = 0
	case tier == simd.AVX512:
		scaleAVX512(&x[0], n, factor)
	default:
		scaleAVX2(&x[0], n, factor)
	}
	scaleGo(x[n:], factor)
}

// backwardKernel runs backwardGo's kernel over dst and x, of one length, a positive
// multiple of pad. A dst apart from x is written past the caches where its alignment
// lets it be.
//
// own says that a forward pass has just read x: k.total is then not wanted.
func backwardKernel[E Element](tier simd.Tier, dst, x []E, own bool, k *backwardState) {
	if tier == simd.Generic || k.reference.plain {
		backwardPlain(dst, x, k)
		return
	}
	n, first := len(x), &k.scale[0]
	wide := tier == simd.AVX512
	stream := &dst[0] != &x[0] && uintptr(unsafe.Pointer(&dst[0]))%64 == 0
	own = own && !stream
	switch x := any(x).(type) {
	case []float32:
		d, p := &any(dst).([]float32)[0], &x[0]
		switch {
		case wide && own:
			backwardAVX512F32Own(d, p, n, first)
		case wide && stream:
			backwardAVX512F32Stream(d, p, n, first)
		case wide:
			backwardAVX512F32(d, p, n, first)
		case own:
			backwardAVX2F32Own(d, p, n, first)
		case stream:
			backwardAVX2F32Stream(d, p, n, first)
		default:
			backwardAVX2F32(d, p, n, first)
		}
	case []BFloat16:
		d, p := (*uint16)(&any(dst).([]BFloat16)[0]), (*uint16)(&x[0])
		switch {
		case wide && own:
			backwardAVX512BF16Own(d, p, n, first)
		case wide && stream:
			backwardAVX512BF16Stream(d, p, n, first)
		case wide:
			backwardAVX512BF16(d, p, n, first)
		case own:
			backwardAVX2BF16Own(d, p, n, first)
		case stream:
			backwardAVX2BF16Stream(d, p, n, first)
		default:
			backwardAVX2BF16(d, p, n, first)
		}
	case []Float16:
		d, p := (*uint16)(&any(dst).([]Float16)[0]), (*uint16)(&x[0])
		switch {
		case wide && own:
			backwardAVX512F16Own(d, p, n, first)
		case wide && stream:
			backwardAVX512F16Stream(d, p, n, first)
		case wide:
			backwardAVX512F16(d, p, n, first)
		case own:
			backwardAVX2F16Own(d, p, n, first)
		case stream:
			backwardAVX2F16Stream(d, p, n, first)
		default:
			backwardAVX2F16(d, p, n, first)
		}
	}
}
