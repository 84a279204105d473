package sandbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBringUp(t *testing.T) {
	for _, tier := range []Tier{Namespaces, Landlock} {
		l, err := Local(Config{Tier: tier})
		require.NoError(t, err)
		fmt.Println(l.Tier(), l.Python())
		for range 3 {
			t0 := time.Now()
			s, err := l.Start(context.Background())
			require.NoError(t, err)
			fmt.Println("start", time.Since(t0))
			t0 = time.Now()
			r, err := s.Load(context.Background(), Program{Source: []byte("n=int(input())\nprint(n+1)\n")})
			fmt.Println("load", time.Since(t0), r, err)
			for range 4 {
				t0 = time.Now()
				r, err = s.Run(context.Background(), []byte("41\n"))
				fmt.Println("run", time.Since(t0), r, err)
			}
			s.Close()
		}
		l.Close()
	}
}
