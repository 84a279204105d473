package simd

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The kernel's own list of this machine's instructions must lead to the same tier:
// a flagship that detection has lost is a failure, not a skip.
func TestBest(t *testing.T) {
	if pure {
		require.Equal(t, Generic, Best)
		return
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if runtime.GOARCH != "amd64" || err != nil {
		t.Logf("no second source here; detected %v", Best)
		return
	}
	flags := map[string]bool{}
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "flags" {
			for flag := range strings.FieldsSeq(value) {
				flags[flag] = true
			}
			break
		}
	}
	want := Generic
	if flags["avx2"] && flags["fma"] {
		require.True(t, flags["f16c"], "AVX2 without F16C")
		want = AVX2
		if flags["avx512f"] && flags["avx512bw"] && flags["avx512dq"] && flags["avx512vl"] {
			want = AVX512
		}
	}
	require.Equal(t, want, Best)
}

func TestLower(t *testing.T) {
	require.Equal(t, AVX512, lower(AVX512, ""))
	require.Equal(t, AVX512, lower(AVX512, "sse"))
	require.Equal(t, AVX2, lower(AVX512, "avx2"))
	require.Equal(t, Generic, lower(AVX512, "generic"))
	require.Equal(t, AVX2, lower(AVX2, "avx512"))
	require.Equal(t, Generic, lower(Generic, "avx512"))
}

// The environment variable works for the process that runs this test.
func TestChosen(t *testing.T) {
	name := os.Getenv("GROUPRL_SIMD")
	if name == "" {
		require.Equal(t, Best, Chosen)
		return
	}
	require.Equal(t, name, Chosen.String(), "GROUPRL_SIMD asks for a tier that this machine or build lacks")
}
