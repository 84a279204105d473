package rollout

import (
	"fmt"
	"iter"
)

// Budget bounds one Refill: how many groups an optimiser step wants and how much
// may be drawn for them. The zero value passes on every kept group of the input.
type Budget struct {
	Groups  int            // kept groups wanted; 0: all there are, and no rounds
	Draw    int            // groups drawn in a round; 0: Groups
	Rounds  int            // rounds at most; 0: 10, negative: until the input ends
	Surplus Surplus        // what becomes of kept groups past Groups
	Spare   *[]*Group      // with CarrySurplus: yielded first, and what is left over for the next step
	Short   Short          // what happens if the rounds or the input end with fewer than Groups
	Observe func(Refilled) // sees the account after every draw and when the range ends, from the loop's goroutine
}

// Surplus says what becomes of kept groups past Budget.Groups.
type Surplus int

// Treatments of surplus groups.
const (
	// StopAtBudget breaks out of the input as soon as the budget is full, even
	// within a round: there is no surplus. What a Groups had in flight is
	// cancelled, or stays in flight if the input is Resumable.
	StopAtBudget Surplus = iota
	// DiscardSurplus draws the round to its end and drops the surplus (verl): a
	// step draws a whole number of rounds, so the input's cursor is predictable.
	DiscardSurplus
	// YieldSurplus draws the round to its end and yields the surplus too: steps
	// differ in size, nothing is thrown away.
	YieldSurplus
	// CarrySurplus draws the round to its end and keeps the surplus in
	// Budget.Spare, from where it opens the next step, sampled by an older policy.
	CarrySurplus
)

// Short says what happens if a budget cannot be filled.
type Short int

// Treatments of a budget that was not filled.
const (
	EndShort  Short = iota // the range ends with fewer groups
	FillShort              // the groups that keep refused fill it, oldest first (slime's fallback): no signal in them, but steps of equal size
	FailShort              // the last error yielded is a *BudgetError
)

// Refilled is the account of one Refill.
type Refilled struct {
	Rounds  int // begun
	Drawn   int // read from the input, errors included
	Kept    int // of these, kept
	Refused int // of these, refused
	Errors  int // of these, errors
	Carried int // came out of Spare
	Yielded int // handed to the loop
	Spare   int // kept past the budget and dropped, or put into Spare
}

// BudgetError is a step that could not be filled.
type BudgetError struct {
	Want int
	Refilled
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("rollout: %d of %d groups kept after %d drawn in %d rounds", e.Kept+e.Carried, e.Want, e.Drawn, e.Rounds)
}

// Refill is dynamic sampling (DAPO, https://arxiv.org/abs/2503.14476): it draws
// from in, passes on the groups that keep accepts until b.Groups of them have
// been, and refills with new ones what keep refused, within b.Rounds rounds of
// b.Draw groups. Groups are kept or refused whole and yielded in the order in
// which they came. A nil keep accepts all; (*Group).Informative is DAPO's rule.
// Let keep judge raw outcomes, not shaped rewards: a length penalty makes every
// group look informative.
//
// Errors of the input pass through; each counts as a draw. Nothing runs beside
// the loop. A budget that cannot be is one *OptionsError.
func Refill(in iter.Seq2[*Group, error], keep func(*Group) bool, b Budget) iter.Seq2[*Group, error] {
	return func(yield func(*Group, error) bool) {
		b := b
		if err := b.check(); err != nil {
			yield(nil, err)
			return
		}
		if b.Draw == 0 {
			b.Draw = b.Groups
		}
		if b.Rounds == 0 {
			b.Rounds = 10
		}
		var account Refilled
		var refused []*Group // only if they may be wanted
		have := func() int { return account.Kept + account.Carried }
		full := func() bool { return b.Groups > 0 && have() >= b.Groups }
		observe := func() {
			if b.Observe != nil {
				b.Observe(account)
			}
		}
		defer observe()
		hand := func(g *Group, err error) bool {
			if err == nil {
				account.Yielded++
			}
			return yield(g, err)
		}

		if b.Surplus == CarrySurplus {
			for len(*b.Spare) > 0 && !full() {
				g := (*b.Spare)[0]
				*b.Spare = (*b.Spare)[1:]
				account.Carried++
				if !hand(g, nil) {
					return
				}
			}
		}
		if full() {
			return
		}
		for g, err := range in {
			if b.Groups == 0 || account.Drawn%b.Draw == 0 {
				account.Rounds++
			}
			account.Drawn++
			surplus := full()
			pass := false
			switch {
			case err != nil:
				account.Errors++
				pass = true
			case keep == nil || keep(g):
				account.Kept++
				pass = !surplus || b.Surplus == YieldSurplus
				if !pass {
					account.Spare++
					if b.Surplus == CarrySurplus {
						*b.Spare = append(*b.Spare, g)
					}
				}
			default:
				account.Refused++
				if b.Short == FillShort && len(refused) < b.Groups {
					refused = append(refused, g)
				}
			}
			observe()
			if pass && !hand(g, err) {
				return
			}
			if b.Groups == 0 {
				continue
			}
			endOfRound := account.Drawn%b.Draw == 0
			if full() && (endOfRound || b.Surplus == StopAtBudget) || endOfRound && b.Rounds > 0 && account.Rounds == b.Rounds {
				break
			}
		}
		if b.Groups == 0 || full() {
			return
		}
		switch b.Short {
		case FillShort:
			for _, g := range refused[:min(len(refused), b.Groups-have())] {
				if !hand(g, nil) {
					return
				}
			}
		case FailShort:
			yield(nil, &BudgetError{b.Groups, account})
		}
	}
}

func (b *Budget) check() error {
	switch {
	case b.Groups < 0:
		return &OptionsError{"Groups", b.Groups, "negative"}
	case b.Draw < 0:
		return &OptionsError{"Draw", b.Draw, "negative"}
	case b.Surplus < StopAtBudget || b.Surplus > CarrySurplus:
		return &OptionsError{"Surplus", b.Surplus, "unknown"}
	case b.Short < EndShort || b.Short > FailShort:
		return &OptionsError{"Short", b.Short, "unknown"}
	case b.Surplus == CarrySurplus && b.Spare == nil:
		return &OptionsError{"Spare", b.Spare, "nil, but CarrySurplus puts groups there"}
	}
	return nil
}
