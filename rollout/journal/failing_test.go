package journal

import (
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"
)

// A failing disk is a real folder that is slow, full at times, and fails an fsync now
// and then.
type failing struct {
	disk
	slow   time.Duration // of an fsync, on average: one in a thousand takes seven times as long
	full   atomic.Bool   // no further byte can be written
	fills  float64       // chance that the disk is full from the middle of a write on
	breaks float64       // chance that an fsync fails
	Fills  atomic.Int64  // how often it filled up
	Breaks atomic.Int64  // how often an fsync failed
	Syncs  atomic.Int64
}

type failingFile struct {
	file
	disk *failing
}

func (d *failing) create(name string) (file, error) {
	f, err := d.disk.create(name)
	if err != nil {
		return nil, err
	}
	return &failingFile{f, d}, nil
}

func (d *failing) open(name string) (file, int64, error) {
	f, size, err := d.disk.open(name)
	if err != nil {
		return nil, 0, err
	}
	return &failingFile{f, d}, size, nil
}

func (f *failingFile) WriteAt(b []byte, offset int64) (int, error) {
	if !f.disk.full.Load() {
		if rand.Float64() >= f.disk.fills {
			return f.file.WriteAt(b, offset)
		}
		f.disk.full.Store(true)
		f.disk.Fills.Add(1)
	}
	n, err := f.file.WriteAt(b[:rand.IntN(len(b)+1)], offset) // what still fitted
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *failingFile) Sync() error {
	f.disk.Syncs.Add(1)
	time.Sleep(time.Duration(rand.ExpFloat64() * float64(f.disk.slow)))
	if rand.Float64() < f.disk.breaks {
		f.disk.Breaks.Add(1)
		return syscall.EIO
	}
	return f.file.Sync()
}
