module github.com/grouprl/grouprl/grpo/cuda

go 1.25.0

replace github.com/grouprl/grouprl => ../..
