package sandbox

import "time"

// Limits bound one run. The zero value of each field is the recipe's, as noted.
type Limits struct {
	Wall    time.Duration // wall clock of one run; 0: 15 s
	Memory  int64         // address space in bytes; 0: 4 GiB
	Output  int64         // bytes of stdout, of the returned value, and of any file; 0: 16 MiB
	Stderr  int           // bytes of stderr that are kept (the last ones); 0: 4 KiB. The program may write Output bytes
	Source  int           // bytes of program text; 0: 1 MiB
	Stack   int64         // stack of the main thread in bytes; 0: 1 GiB
	Threads int           // threads at once (namespace tier; elsewhere Memory bounds them); 0: 64
	Files   int           // open descriptors; 0: 64
}

// or returns l with its zero fields taken from m.
func (l Limits) or(m Limits) Limits {
	if l.Wall <= 0 {
		l.Wall = m.Wall
	}
	if l.Memory <= 0 {
		l.Memory = m.Memory
	}
	if l.Output <= 0 {
		l.Output = m.Output
	}
	if l.Stderr <= 0 {
		l.Stderr = m.Stderr
	}
	if l.Source <= 0 {
		l.Source = m.Source
	}
	if l.Stack <= 0 {
		l.Stack = m.Stack
	}
	if l.Threads <= 0 {
		l.Threads = m.Threads
	}
	if l.Files <= 0 {
		l.Files = m.Files
	}
	return l
}

// recipe are the limits of the zero value.
var recipe = Limits{
	Wall:    15 * time.Second,
	Memory:  4 << 30,
	Output:  16 << 20,
	Stderr:  4 << 10,
	Source:  1 << 20,
	Stack:   1 << 30,
	Threads: 64,
	Files:   64,
}

// WithDefaults returns l with every zero field set to its default.
func (l Limits) WithDefaults() Limits { return l.or(recipe) }
