package main

import (
	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/openai"
)

// The words of LiveCodeBench's prompt for chat models (MIT licence), as NousCoder-14B's
// environment has them: a prompt in other words is another evaluation.
const (
	system = "You are an expert Python programmer. You will be given a question (problem specification) and will generate a correct Python program that matches the specification and passes all tests."
	stdin  = "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, it reads the inputs, runs the algorithm and writes output to STDOUT.\n```python\n# YOUR CODE HERE\n```\n\n"
	method = "You will use the following starter code to write the solution to the problem and enclose your code within delimiters.\n```python\n"
	answer = "### Answer: (use the provided format with backticks)\n\n"
)

// prompt is a problem as the policy sees it.
func prompt(p *rollout.Problem) (openai.Prompt, error) {
	user := "Question: " + p.Statement + "\n\n"
	if p.Starter != "" {
		user += method + p.Starter + "\n```\n\n"
	} else {
		user += stdin
	}
	return openai.Prompt{Messages: []openai.Message{{Role: "system", Content: system}, {Role: "user", Content: user + answer}}}, nil
}
