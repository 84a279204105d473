package rollout_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/grouprl/grouprl/rollout"
)

var errRow = errors.New("row")

// stream yields a group for every letter, named by its index and the letter: "+"
// is one to keep, "-" one to refuse, "!" an error. It counts what is drawn.
func stream(letters string, drawn *int) iter.Seq2[*Group, error] {
	return func(yield func(*Group, error) bool) {
		for i, letter := range letters {
			*drawn++
			var g *Group
			var err error
			if letter == '!' {
				err = errRow
			} else {
				g = &Group{Problem: &Problem{ID: fmt.Sprintf("%d%c", i, letter)}}
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

func plus(g *Group) bool { return strings.HasSuffix(g.Problem.ID, "+") }

// names ranges over seq; an error is "!", a *BudgetError "short".
func names(seq iter.Seq2[*Group, error]) string {
	var s []string
	for g, err := range seq {
		var short *BudgetError
		switch {
		case errors.As(err, &short):
			s = append(s, "short")
		case err != nil:
			s = append(s, "!")
		default:
			s = append(s, g.Problem.ID)
		}
	}
	return strings.Join(s, " ")
}

func TestRefill(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     string
		budget Budget
		want   string
		drawn  int
	}{
		{"no budget: a filter", "+-+-+", Budget{}, "0+ 2+ 4+", 5},
		{"stops at the budget", "--+-+++++", Budget{Groups: 2}, "2+ 4+", 5},
		{"refills for ten rounds", strings.Repeat("-", 100), Budget{Groups: 2}, "", 20},
		{"refills for three rounds", strings.Repeat("-", 100), Budget{Groups: 2, Rounds: 3}, "", 6},
		{"refills without end", strings.Repeat("-", 100) + "++", Budget{Groups: 2, Rounds: -1}, "100+ 101+", 102},
		{"rounds of four", "-+-+++++", Budget{Groups: 3, Draw: 4, Rounds: 2}, "1+ 3+ 4+", 5},
		{"one round of four", "-+-+++++", Budget{Groups: 3, Draw: 4, Rounds: 1}, "1+ 3+", 4},
		{"discards to the end of the round", "+++-++-+", Budget{Groups: 2, Draw: 4, Surplus: DiscardSurplus}, "0+ 1+", 4},
		{"discards in the second round", "+---++++", Budget{Groups: 2, Draw: 4, Surplus: DiscardSurplus}, "0+ 4+", 8},
		{"yields to the end of the round", "+++-++-+", Budget{Groups: 2, Draw: 4, Surplus: YieldSurplus}, "0+ 1+ 2+", 4},
		{"short", "+-", Budget{Groups: 2}, "0+", 2},
		{"short, filled", "--+-", Budget{Groups: 3, Short: FillShort}, "2+ 0- 1-", 4},
		{"short, filled as far as it goes", "-+", Budget{Groups: 4, Short: FillShort}, "1+ 0-", 2},
		{"short, filled after the rounds", "+-------", Budget{Groups: 2, Rounds: 2, Short: FillShort}, "0+ 1-", 4},
		{"short, an error", "+-", Budget{Groups: 2, Short: FailShort}, "0+ short", 2},
		{"not short", "+--+", Budget{Groups: 2, Short: FailShort}, "0+ 3+", 4},
		{"errors pass through and count as draws", "!+!-+", Budget{Groups: 2, Rounds: 2}, "! 1+ !", 4},
		{"errors in the surplus", "++!+", Budget{Groups: 1, Draw: 4, Surplus: DiscardSurplus}, "0+ !", 4},
	} {
		drawn := 0
		require.Equal(t, c.want, names(Refill(stream(c.in, &drawn), plus, c.budget)), c.name)
		require.Equal(t, c.drawn, drawn, c.name)
	}
}

// A surplus opens the next step.
func TestRefillCarriesSurplus(t *testing.T) {
	var spare []*Group
	var account Refilled
	b := Budget{Groups: 2, Draw: 5, Surplus: CarrySurplus, Spare: &spare, Observe: func(r Refilled) { account = r }}
	drawn := 0
	require.Equal(t, "0+ 1+", names(Refill(stream("+++++", &drawn), plus, b)))
	require.Len(t, spare, 3)
	require.Equal(t, Refilled{Rounds: 1, Drawn: 5, Kept: 5, Yielded: 2, Spare: 3}, account)

	require.Equal(t, "2+ 3+", names(Refill(stream("+++++", &drawn), plus, b)))
	require.Equal(t, 5, drawn, "nothing was drawn for the second step")
	require.Equal(t, Refilled{Carried: 2, Yielded: 2}, account)
	require.Len(t, spare, 1)

	require.Equal(t, "4+ 1+", names(Refill(stream("-+-+-", &drawn), plus, b)))
	require.Equal(t, 10, drawn)
	require.Len(t, spare, 1)
	require.Equal(t, "3+", spare[0].Problem.ID)
}

func TestRefillStopsWhenTheLoopDoes(t *testing.T) {
	for _, b := range []Budget{{}, {Groups: 5}, {Groups: 1, Draw: 5, Surplus: YieldSurplus}} {
		drawn := 0
		for range Refill(stream("-++++", &drawn), plus, b) {
			break
		}
		require.Equal(t, 2, drawn)
	}
	drawn := 0
	for range Refill(stream("---", &drawn), plus, Budget{Groups: 2, Short: FillShort}) {
		break
	}
	require.Equal(t, 3, drawn)
}

// The account and the obvious implementation: draw whole rounds into a list, then
// sort out what is in it.
func TestRefillAgainstTheObvious(t *testing.T) {
	obvious := func(letters string, groups, draw, rounds int, fill bool) (yielded []string) {
		var kept, refused []string
		for r := 0; r < rounds && len(kept) < groups; r++ {
			for i := r * draw; i < min((r+1)*draw, len(letters)); i++ {
				name := fmt.Sprintf("%d%c", i, letters[i])
				if letters[i] == '+' {
					kept = append(kept, name)
				} else {
					refused = append(refused, name)
				}
			}
		}
		yielded = kept[:min(groups, len(kept))]
		for fill && len(yielded) < groups && len(refused) > 0 {
			yielded, refused = append(yielded, refused[0]), refused[1:]
		}
		return yielded
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		letters := make([]byte, random.IntN(40))
		for i := range letters {
			letters[i] = "+---"[random.IntN(4)]
		}
		b := Budget{Groups: 1 + random.IntN(5), Draw: 1 + random.IntN(8), Rounds: 1 + random.IntN(6)}
		b.Surplus, b.Short = []Surplus{StopAtBudget, DiscardSurplus}[random.IntN(2)], []Short{EndShort, FillShort}[random.IntN(2)]
		var last Refilled
		b.Observe = func(r Refilled) {
			last = r
			require.Equal(t, r.Drawn, r.Kept+r.Refused+r.Errors)
			require.Equal(t, (r.Drawn+b.Draw-1)/b.Draw, r.Rounds)
		}
		drawn := 0
		got := names(Refill(stream(string(letters), &drawn), plus, b))
		require.Equal(t, strings.Join(obvious(string(letters), b.Groups, b.Draw, b.Rounds, b.Short == FillShort), " "), got, "%s %+v", letters, b)
		require.Equal(t, drawn, last.Drawn)
	}
}

func TestRefillRefuses(t *testing.T) {
	for field, b := range map[string]Budget{
		"Groups": {Groups: -1}, "Draw": {Draw: -1}, "Surplus": {Surplus: 9}, "Short": {Short: -1}, "Spare": {Surplus: CarrySurplus},
	} {
		n, drawn := 0, 0
		for _, err := range Refill(stream("+", &drawn), nil, b) {
			var e *OptionsError
			require.ErrorAs(t, err, &e)
			require.Equal(t, field, e.Field)
			n++
		}
		require.Equal(t, 1, n)
		require.Zero(t, drawn)
	}
}

func TestBudgetError(t *testing.T) {
	drawn := 0
	for _, err := range Refill(stream("----", &drawn), plus, Budget{Groups: 2, Rounds: 2, Short: FailShort}) {
		require.EqualError(t, err, "rollout: 0 of 2 groups kept after 4 drawn in 2 rounds")
	}
}

func TestInformative(t *testing.T) {
	group := func(rewards ...float64) *Group {
		g := &Group{}
		for _, r := range rewards {
			g.Verdicts = append(g.Verdicts, Verdict{Reward: r})
		}
		return g
	}
	require.True(t, group(1, -1, -1).Informative(0))
	require.False(t, group(1, 1, 1).Informative(0))
	require.False(t, group(-1, -1).Informative(0))
	require.False(t, group(1).Informative(0), "one completion has nobody to differ from")
	require.False(t, group().Informative(0))
	require.False(t, group(0.1, 0.1, 0.1).Informative(0))
	require.True(t, group(0.5, 0.6).Informative(0.05))
	require.False(t, group(0.5, 0.6).Informative(0.2))
}
