module github.com/grouprl/grouprl/grpo/cuda

go 1.25.0

require (
	github.com/ebitengine/purego v0.11.3
	github.com/grouprl/grouprl v0.0.0
	github.com/stretchr/testify v1.12.1
	gorgonia.org/cu v0.9.6
)

require (
	github.com/google/uuid v1.1.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
)

replace github.com/grouprl/grouprl => ../..
