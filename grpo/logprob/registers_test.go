package logprob

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A machine with AVX2 alone has sixteen vector registers, and one with AVX-512, which
// the tests may be on, would take more without a word.
func TestAVX2HasSixteenRegisters(t *testing.T) {
	source, err := os.ReadFile("kernels_amd64.s")
	require.NoError(t, err)
	more := regexp.MustCompile(`\b(Z\d+|[XY](1[6-9]|[23]\d)|K[0-7])\b`)
	kernels := 0
	for _, text := range strings.Split(string(source), "\nTEXT ")[1:] {
		name, body, _ := strings.Cut(text, "(SB)")
		if !strings.Contains(name, "AVX2") {
			continue
		}
		kernels++
		require.Empty(t, more.FindString(body), name)
	}
	require.Positive(t, kernels)
}
