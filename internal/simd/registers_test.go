package simd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A machine with AVX2 alone has sixteen vector registers, and one with AVX-512, which
// the tests may be on, would take more without a word. So every kernel of the module is
// read.
func TestAVX2HasSixteenRegisters(t *testing.T) {
	more := regexp.MustCompile(`\b(Z\d+|[XY](1[6-9]|[23]\d)|K[0-7])\b`)
	files := 0
	require.NoError(t, filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_amd64.s") {
			return err
		}
		files++
		source, err := os.ReadFile(path)
		kernels := 0
		for _, text := range strings.Split(string(source), "\nTEXT ")[1:] {
			if name, body, _ := strings.Cut(text, "(SB)"); strings.Contains(name, "AVX2") {
				kernels++
				require.Empty(t, more.FindString(body), "%s: %s", path, name)
			}
		}
		require.Positive(t, kernels, path)
		return err
	}))
	require.GreaterOrEqual(t, files, 3)
}
