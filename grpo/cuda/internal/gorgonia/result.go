// Package gorgonia is the driver over gorgonia.org/cu, for programs that hold its
// contexts and pointers already. It is built with the tag cu, and needs cuda.h to build
// and libcuda.so.1 to start; all that needs neither is in this file.
//
// Of that package only calls on its package level are used: its Ctx and BatchedContext
// keep threads and queues of their own. Every call here runs on the calling thread, in
// the device's context, and leaves the thread's own context as it was.
package gorgonia

import (
	"errors"
	"reflect"
	"strings"
	"unicode"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// result is an error of gorgonia.org/cu as the driver's: that package's type for a
// CUresult is an int without an exported name, wrapped or not.
func result(call string, err error) error {
	if err == nil {
		return nil
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if v := reflect.ValueOf(e); v.Kind() == reflect.Int {
			return &driver.Error{Call: call, Code: int(v.Int()), Name: codeName(e.Error())}
		}
	}
	return &driver.Error{Call: call, Code: codeUnknown, Name: err.Error()}
}

const (
	codeInvalidValue = 1
	codeUnknown      = 999 // CUDA_ERROR_UNKNOWN
)

// codeName is the name of a CUresult in cuda.h: CUDA_ERROR_OUT_OF_MEMORY for
// OutOfMemory, as gorgonia.org/cu has it.
func codeName(name string) string {
	if strings.Contains(name, ":") {
		return "unknown CUresult"
	}
	var b strings.Builder
	b.WriteString("CUDA_ERROR")
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

func invalid(call string) error {
	return &driver.Error{Call: call, Code: codeInvalidValue, Name: "CUDA_ERROR_INVALID_VALUE"}
}
