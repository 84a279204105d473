package gorgonia

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// cuResult is as gorgonia.org/cu has it.
type cuResult int

func (r cuResult) Error() string {
	switch r {
	case 2:
		return "OutOfMemory"
	case 218:
		return "InvalidPtx"
	}
	return fmt.Sprintf("UnknownErrorCode:%d", int(r))
}

func TestResult(t *testing.T) {
	require.NoError(t, result("cuMemAlloc", nil))
	for _, c := range []struct {
		err  error
		want driver.Error
	}{
		{cuResult(2), driver.Error{Call: "f", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY"}},
		{cuResult(218), driver.Error{Call: "f", Code: 218, Name: "CUDA_ERROR_INVALID_PTX"}},
		{cuResult(46), driver.Error{Call: "f", Code: 46, Name: "unknown CUresult"}},
		{fmt.Errorf("MemGetAddressRange: %w", cuResult(2)), driver.Error{Call: "f", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY"}},
		{errors.New("something else"), driver.Error{Call: "f", Code: 999, Name: "something else"}},
	} {
		var e *driver.Error
		require.ErrorAs(t, result("f", c.err), &e)
		require.Equal(t, c.want, *e)
	}
	require.ErrorIs(t, result("f", cuResult(2)), driver.OutOfMemory)
	require.EqualError(t, invalid("cuMemAlloc"), "cuMemAlloc: CUDA_ERROR_INVALID_VALUE (1)")
}
