package ptx

import gosync "sync"

// text is a module's source with what parse and compile made of it. Neither changes
// afterwards, so devices share it.
type text struct {
	source  string
	m       *module
	kernels map[string]*program
}

// recent are the modules that were loaded last, the latest first: tests load the same
// few hundreds of times.
var recent struct {
	gosync.Mutex
	list []*text
}

const recentModules = 3

// load parses and compiles a module, or finds it among the recent ones. place gives its
// variables addresses; a module that has any is compiled anew for each load.
func load(source string, place func(v *variable) uint64) (*text, error) {
	recent.Lock()
	defer recent.Unlock()
	for i, x := range recent.list {
		if x.source == source {
			copy(recent.list[1:i+1], recent.list[:i])
			recent.list[0] = x
			return x, nil
		}
	}
	m, err := parse(source)
	if err != nil {
		return nil, err
	}
	globals := map[string]uint64{}
	for _, v := range m.vars {
		if v.space != "shared" {
			globals[v.name] = place(v)
		}
	}
	x := &text{source: source, m: m, kernels: map[string]*program{}}
	for _, f := range m.order {
		if !f.entry {
			continue
		}
		if x.kernels[f.name], err = compile(m, f, globals); err != nil {
			return nil, err
		}
	}
	if len(globals) == 0 {
		recent.list = append([]*text{x}, recent.list[:min(len(recent.list), recentModules-1)]...)
	}
	return x, nil
}
