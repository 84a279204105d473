module github.com/grouprl/grouprl/rollout/openai

go 1.25.0

replace github.com/grouprl/grouprl => ../..
