//go:build amd64 || arm64

package verify_test

import (
	"context"
	"fmt"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// Two completions for one problem, judged as the NousCoder recipe judges them.
func Example() {
	runner, err := sandbox.Local(sandbox.Config{})
	if err != nil {
		fmt.Println(err) // says what the host is missing
		return
	}
	defer runner.Close()
	v := &verify.Verifier{Runner: runner}
	sum := &rollout.Problem{ID: "sum", Tests: rollout.Tests(
		rollout.Test{Input: "1 2\n", Expected: "3\n"},
		rollout.Test{Input: "-5 2\n", Expected: "-3\n"},
	)}
	for _, program := range []string{
		"print(sum(map(int, input().split())))",
		"print(sum(abs(int(n)) for n in input().split()))",
	} {
		completion := &rollout.Completion{Text: "```python\n" + program + "\n```"}
		verdict, err := v.Verify(context.Background(), sum, completion)
		if err != nil {
			fmt.Println(err) // the machinery's or the data's fault, never a reward
			return
		}
		fmt.Println(verdict.Status, verdict.Reward, "test", verdict.Test)
	}
	// Output:
	// Accepted 1 test -1
	// WrongAnswer -1 test 1
}
