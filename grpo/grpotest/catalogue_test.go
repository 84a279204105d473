package grpotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/grpotest"
)

// A row that names golden cases has some; a key of golden cases has a row.
func TestCatalogueAndGolden(t *testing.T) {
	cases, err := grpotest.Golden()
	require.NoError(t, err)
	keys := map[string]int{}
	for _, row := range grpotest.Catalogue() {
		require.NotNil(t, row.New, row.Name)
		n := 0
		for i := range cases {
			if row.Matches(&cases[i]) {
				keys[cases[i].Key]++
				n++
			}
		}
		if len(row.Golden) > 0 {
			assert.NotZero(t, n, "no golden case of %v is about %s", row.Golden, row.Name)
		}
	}
	for i := range cases {
		assert.NotZero(t, keys[cases[i].Key], "no row is about the golden cases of %q", cases[i].Key)
	}
	require.GreaterOrEqual(t, len(cases), 300)
	for _, a := range grpotest.NotBuilt() {
		require.NotEmpty(t, a.Reason, a.Name)
	}
}
