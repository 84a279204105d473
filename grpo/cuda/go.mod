module github.com/grouprl/grouprl/grpo/cuda

go 1.25.0

require (
	github.com/ebitengine/purego v0.11.3
	github.com/grouprl/grouprl v0.0.0
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/grouprl/grouprl => ../..
