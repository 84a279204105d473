package driver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingError(t *testing.T) {
	cause := &Error{Call: "cuInit", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY"}
	require.EqualError(t, &MissingError{"device", "no device", nil}, "no device")
	err := &MissingError{"device", "no device", cause}
	require.EqualError(t, err, "no device: cuInit: CUDA_ERROR_OUT_OF_MEMORY (2)")
	require.ErrorIs(t, err, OutOfMemory)
}
