package journal

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"syscall"
)

// memory is a disk that knows which bytes and names an fsync has made durable, that
// can be made to fail, and that can lose power.
type memory struct {
	names   map[string]*memoryFile // as a running process sees them
	durable map[string]*memoryFile // as they are after a power loss
	room    int                    // bytes that may still be written; negative: any number
	fail    map[string]error       // by operation: "sync", "truncate", "rename", "create", "lock", "folder sync"
}

type memoryFile struct {
	disk    *memory
	now     []byte
	durable []byte
	pending []write // since the last sync
}

// A write is one page of one WriteAt, or a truncation (data nil).
type write struct {
	offset int64
	data   []byte
}

func newMemory() *memory {
	return &memory{names: map[string]*memoryFile{}, durable: map[string]*memoryFile{}, room: -1, fail: map[string]error{}}
}

func (m *memory) create(name string) (file, error) {
	if err := m.fail["create"]; err != nil {
		return nil, err
	}
	f := &memoryFile{disk: m}
	m.names[name] = f
	return f, nil
}

func (m *memory) open(name string) (file, int64, error) {
	f := m.names[name]
	if f == nil {
		return nil, 0, fs.ErrNotExist
	}
	return f, int64(len(f.now)), nil
}

func (m *memory) rename(from, to string) error {
	if err := m.fail["rename"]; err != nil {
		return err
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memory) remove(name string) { delete(m.names, name) }

func (m *memory) sync() error {
	if err := m.fail["folder sync"]; err != nil {
		return err
	}
	clear(m.durable)
	for name, f := range m.names {
		m.durable[name] = f
	}
	return nil
}

func (m *memory) lock(string) (io.Closer, error) {
	if err := m.fail["lock"]; err != nil {
		return nil, err
	}
	return io.NopCloser(nil), nil
}

// page is what the disk writes at once, here.
const page = 512

// loss returns the disk after a power loss: what was synced, and of what was not any
// subset of its pages, in which a part that was never written reads as zeros.
func (m *memory) loss(r *rand.Rand) *memory {
	after := newMemory()
	names := m.durable
	if r.IntN(2) == 0 { // the file system may also have written the names
		names = m.names
	}
	for name, f := range names {
		g := &memoryFile{disk: after, durable: append([]byte(nil), f.durable...)}
		for _, w := range f.pending {
			if r.IntN(2) == 0 {
				g.durable = w.on(g.durable)
			}
		}
		g.now = append([]byte(nil), g.durable...)
		after.names[name], after.durable[name] = g, g
	}
	return after
}

func (w write) on(b []byte) []byte {
	if w.data == nil {
		return b[:min(int64(len(b)), w.offset)]
	}
	if n := int(w.offset) + len(w.data) - len(b); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	copy(b[w.offset:], w.data)
	return b
}

func (f *memoryFile) ReadAt(b []byte, offset int64) (int, error) {
	if offset >= int64(len(f.now)) {
		return 0, io.EOF
	}
	n := copy(b, f.now[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) WriteAt(b []byte, offset int64) (n int, err error) {
	if f.disk.room >= 0 && len(b) > f.disk.room {
		b, err = b[:f.disk.room], &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
	}
	if f.disk.room >= 0 {
		f.disk.room -= len(b)
	}
	for len(b) > 0 {
		k := min(len(b), page-int(offset%page))
		w := write{offset, append([]byte(nil), b[:k]...)}
		f.now = w.on(f.now)
		f.pending = append(f.pending, w)
		b, offset, n = b[k:], offset+int64(k), n+k
	}
	return n, err
}

func (f *memoryFile) Truncate(size int64) error {
	if err := f.disk.fail["truncate"]; err != nil {
		return err
	}
	w := write{size, nil}
	f.now = w.on(f.now)
	f.pending = append(f.pending, w)
	return nil
}

func (f *memoryFile) Sync() error {
	if err := f.disk.fail["sync"]; err != nil {
		return err
	}
	f.durable, f.pending = append([]byte(nil), f.now...), nil
	return nil
}

func (f *memoryFile) Close() error { return nil }

var errDisk = errors.New("the disk says no")
