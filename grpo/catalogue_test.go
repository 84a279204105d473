package grpo_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every row of the catalogue keeps every contract.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range grpotest.Catalogue() {
		require.False(t, seen[row.Name], "%s is there twice", row.Name)
		seen[row.Name] = true
		o := row.New()
		require.NoError(t, o.Validate(), row.Name)
		encoded, err := o.MarshalJSON()
		var unregistered *grpo.PartError
		require.False(t, errors.As(err, &unregistered), "%s: %v", row.Name, err)
		require.NotEmpty(t, encoded)
		t.Run(row.Name, func(t *testing.T) { grpotest.Run(t, o) })
	}
	t.Logf("%d rows, %d published objectives not built", len(seen), len(grpotest.NotBuilt()))
}
