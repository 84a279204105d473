//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefuseHere(t *testing.T) {
	_, err := Local(Config{Insecure: true})
	var unsupported *UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.ErrorContains(t, err, "needs Linux")
}
