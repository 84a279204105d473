package builtin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/dataset/builtin"
)

func TestSetHasWhatItPromises(t *testing.T) {
	programs, functions := 0, 0
	difficulties := map[string]int{}
	ids := map[string]bool{}
	for p, err := range builtin.All(0) {
		require.NoError(t, err)
		t.Run(p.ID, func(t *testing.T) {
			require.False(t, ids[p.ID], "two problems of one name")
			ids[p.ID] = true
			difficulties[p.Difficulty]++
			if p.Entry == "" {
				programs++
			} else {
				functions++
				require.Contains(t, p.Starter, "def "+p.Entry+"(")
				require.Contains(t, p.Reference, "def "+p.Entry+"(")
			}
			flawed := map[rollout.Status]int{}
			notes := map[string]bool{}
			for i, program := range p.Programs {
				flawed[program.Status]++
				require.Equal(t, i == 0, program.Note == "", "a flaw, and only a flaw, has a note")
				require.False(t, notes[program.Note])
				notes[program.Note] = true
			}
			require.Equal(t, 1, flawed[rollout.Accepted])
			require.GreaterOrEqual(t, flawed[rollout.WrongAnswer], 2)

			tests := collect(t, p.Tests)
			require.GreaterOrEqual(t, len(tests), 7)
			require.Contains(t, p.Statement, "```\n"+strings.TrimSuffix(tests[0].Input, "\n")+"\n```")
			require.Contains(t, p.Statement, "```\n"+strings.TrimSuffix(tests[0].Expected, "\n")+"\n```")
		})
	}
	require.GreaterOrEqual(t, programs, 30)
	require.GreaterOrEqual(t, functions, 8)
	for _, difficulty := range []string{"easy", "medium", "hard"} {
		require.GreaterOrEqual(t, difficulties[difficulty], 8, difficulty)
	}
	require.Len(t, difficulties, 3)
}

func TestSeedDecidesTests(t *testing.T) {
	first := map[string][]rollout.Test{}
	for p, err := range builtin.All(1) {
		require.NoError(t, err)
		first[p.ID] = collect(t, p.Tests)
		require.True(t, slices.Equal(first[p.ID], collect(t, p.Tests)), "%s: ranges differ", p.ID)
	}
	for p, err := range builtin.All(2) {
		require.NoError(t, err)
		require.False(t, slices.Equal(first[p.ID], collect(t, p.Tests)), "%s: seeds do not differ", p.ID)
	}
}

// A seed makes the same tests on every machine, also where an int has 32 bits. Who
// changes a problem changes this sum.
func TestSetIsTheSameEverywhere(t *testing.T) {
	sum := sha256.New()
	for p, err := range builtin.All(0) {
		require.NoError(t, err)
		for _, test := range collect(t, p.Tests) {
			fmt.Fprintf(sum, "%s %q %q\n", p.ID, test.Input, test.Expected)
		}
	}
	require.Equal(t, "846a2e48d1356055", hex.EncodeToString(sum.Sum(nil))[:16])
}

func collect(t *testing.T, tests func(func(rollout.Test, error) bool)) (all []rollout.Test) {
	for test, err := range tests {
		require.NoError(t, err)
		all = append(all, test)
	}
	return all
}
