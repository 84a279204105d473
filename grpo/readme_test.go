package grpo_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first Go block of README is the start of Example, line by line, but for how
// it handles errors.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	lines := strings.Split(strings.TrimSpace(block), "\n")
	require.Len(t, lines, 12)
	rest := string(source)
	for _, line := range lines {
		line = strings.TrimSpace(line)
		_, after, found := strings.Cut(rest, line)
		require.True(t, found, "README has a line that Example has not, or not there: %s", line)
		rest = after
	}
}
