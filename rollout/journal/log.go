package journal

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// LogOptions of a Log. The zero value refuses damaged files.
type LogOptions struct {
	Salvage bool // go on behind damage that no crash explains, instead of a *CorruptError; the damaged bytes stay until the next Rewrite
}

// Log is an append-only file of records in a folder of its own, and the state that
// they make: apply sees each record, in the order of the file, first those that are
// there when the log is opened, then each new one as soon as it is durable and
// before Append returns. So a state that apply alone changes is, after a crash, what
// it was before. It is used by any number of goroutines; apply is called by one at
// a time and must not call the log.
//
// Appends that come while the disk is busy share the next fsync.
type Log struct {
	path  string
	disk  disk
	apply func(p Position, payload []byte) error
	lock  io.Closer
	limit int // of a payload: MaxRecord

	write sync.Mutex // one batch at a time
	sync  uint64     // the last one
	over  error      // no further writes

	mu     sync.Mutex // held for moments; what it guards changes only under write too
	next   *batch     // open for more payloads
	header header
	file   file
	end    int64 // the file is durable up to here
}

// A batch is what one fsync makes durable.
type batch struct {
	payloads [][]byte
	done     chan struct{}
	err      error
}

const (
	logName  = "journal.log"
	tempName = "journal.new"
	lockName = "lock"
)

// OpenLog opens the log in the folder dir, which it makes (mode 0700) if there is
// none, and calls apply for every record. A torn tail, which a crash leaves behind,
// is cut off. The file's mode is 0600. An error of apply ends it.
//
// Errors: *LockedError, *CorruptError, *WriteError, what apply returns.
func OpenLog(dir string, o LogOptions, apply func(p Position, payload []byte) error) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &WriteError{Path: dir, Op: "make folder", Err: err}
	}
	return openLog(dir, folder(dir), o, apply)
}

func openLog(dir string, d disk, o LogOptions, apply func(p Position, payload []byte) error) (l *Log, err error) {
	l = &Log{path: filepath.Join(dir, logName), disk: d, apply: apply, limit: MaxRecord}
	fail := func(op string, err error) (*Log, error) { return nil, l.failed(op, err) }
	l.lock, err = d.lock(lockName)
	if errors.Is(err, errLocked) {
		return nil, &LockedError{dir}
	} else if err != nil {
		return fail("lock", err)
	}
	defer func() {
		if err != nil {
			if l.file != nil {
				l.file.Close()
			}
			l.lock.Close()
			l = nil
		}
	}()
	var size int64
	l.file, size, err = d.open(logName)
	if errors.Is(err, fs.ErrNotExist) {
		if err = l.begin(); err != nil {
			return l, err
		}
		return l, nil
	} else if err != nil {
		l.file = nil
		return l, l.failed("open", err)
	}
	d.remove(tempName) // a Rewrite that a crash cut short
	s := scanner{file: l.file, size: size}
	for record, err := range s.records(l.path, o.Salvage) {
		var torn *TornError
		switch {
		case errors.As(err, &torn):
			if err := l.file.Truncate(torn.Offset); err != nil {
				return l, l.failed("truncate", err)
			}
			if err := l.file.Sync(); err != nil {
				return l, l.failed("sync", err)
			}
		case err != nil:
			return l, err
		default:
			if err := apply(record.Position, record.Payload); err != nil {
				return l, err
			}
		}
	}
	l.header, l.end, l.sync = s.header, s.offset, s.sync
	if !s.ended && l.sync > 0 {
		l.sync-- // the next records complete the sync that was cut short
	}
	return l, nil
}

// begin makes a new, empty file, whole at any moment.
func (l *Log) begin() error {
	h := newHeader()
	f, err := l.disk.create(tempName)
	if err != nil {
		return l.failed("create", err)
	}
	_, err = f.WriteAt(h.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.disk.rename(tempName, logName)
	}
	if err == nil {
		err = l.disk.sync()
	}
	if err != nil {
		f.Close()
		l.disk.remove(tempName)
		return l.failed("create", err)
	}
	l.header, l.file, l.end = h, f, fileHeader
	return nil
}

func newHeader() (h header) {
	rand.Read(h.salt[:]) // never fails
	return h
}

func (l *Log) failed(op string, err error) *WriteError {
	return &WriteError{Path: l.path, Op: op, Safe: l.end, Err: err}
}

// Append makes payloads durable, all of them or none, and has them applied. They
// are the log's until it returns.
//
// Errors: *WriteError, *SizeError, ErrClosed, what apply returns (the payloads are
// durable then).
func (l *Log) Append(payloads ...[]byte) error {
	for _, p := range payloads {
		if len(p) > l.limit {
			return &SizeError{len(p)}
		}
	}
	if len(payloads) == 0 {
		return nil
	}
	l.mu.Lock()
	b := l.next
	leads := b == nil
	if leads {
		b = &batch{done: make(chan struct{})}
		l.next = b
	}
	b.payloads = append(b.payloads, payloads...)
	l.mu.Unlock()
	if !leads {
		<-b.done
		return b.err
	}
	l.write.Lock() // until then others may join
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	b.err = errors.New("journal: apply panicked")
	defer func() {
		l.write.Unlock()
		close(b.done)
	}()
	b.err = l.flush(b.payloads)
	return b.err
}

// flush writes and syncs; l.write is held.
func (l *Log) flush(payloads [][]byte) error {
	if l.over != nil {
		return l.over
	}
	end, err := l.put(l.file, l.header, l.end, l.sync+1, payloads)
	if err != nil {
		e := l.failed("write", err)
		// A half-written batch must not be followed by another.
		if err := l.file.Truncate(l.end); err != nil {
			e.Over, e.Err = true, errors.Join(e.Err, err)
			l.over = e
		}
		return e
	}
	if err := l.file.Sync(); err != nil {
		// After a failed fsync nobody knows which pages are on the disk.
		e := l.failed("sync", err)
		e.Over = true
		l.over = e
		return e
	}
	at := l.end
	l.mu.Lock()
	l.end = end
	l.mu.Unlock()
	l.sync++
	var first error
	for _, p := range payloads {
		if err := l.apply(Position{at, len(p)}, p); err != nil && first == nil {
			first = err
		}
		at += recordHeader + int64(len(p))
	}
	return first
}

// put writes records and returns where they end.
func (l *Log) put(f file, h header, offset int64, sync uint64, payloads [][]byte) (int64, error) {
	w := bufio.NewWriterSize(io.NewOffsetWriter(f, offset), 1<<16)
	var mark []byte
	for i, p := range payloads {
		mark = h.appendMark(mark[:0], p, sync, i == len(payloads)-1)
		w.Write(mark)
		w.Write(p)
		offset += recordHeader + int64(len(p))
	}
	return offset, w.Flush()
}

// Read returns the payload of the record at p. Positions are good until the next
// Rewrite.
func (l *Log) Read(p Position) ([]byte, error) {
	l.mu.Lock()
	f, h, end := l.file, l.header, l.end
	l.mu.Unlock()
	if f == nil {
		return nil, ErrClosed
	}
	s := scanner{header: h, file: f, size: end}
	_, m, payload, ok, err := s.at(p.Offset)
	if err != nil {
		return nil, fmt.Errorf("journal: %s: read: %w", l.path, err)
	}
	if !ok || m.length != p.Length {
		return nil, &CorruptError{Path: l.path, Offset: p.Offset, Next: -1, Why: "no whole record stands there"}
	}
	return payload, nil
}

// Size is the length of the file in bytes.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Rewrite replaces the file by one that holds only the records that live hands to
// keep; keep returns where each will stand. The new file is whole and durable
// before it takes the old one's place, so a crash leaves one or the other. Appends
// wait meanwhile. apply is not called: live and the function that it returns, which
// is called once the new file is in place, bring the state up to date.
//
// live may call Read, on old positions, and must not call Append.
func (l *Log) Rewrite(live func(keep func(payload []byte) (Position, error)) (done func(), err error)) error {
	l.write.Lock()
	defer l.write.Unlock()
	if l.over != nil {
		return l.over
	}
	h := newHeader()
	f, err := l.disk.create(tempName)
	if err != nil {
		return l.failed("create", err)
	}
	fail := func(op string, err error) error {
		f.Close()
		l.disk.remove(tempName)
		return l.failed(op, err)
	}
	if _, err := f.WriteAt(h.encode(), 0); err != nil {
		return fail("write", err)
	}
	end, sync := int64(fileHeader), uint64(0)
	keep := func(payload []byte) (p Position, err error) {
		if len(payload) > l.limit {
			return p, &SizeError{len(payload)}
		}
		p = Position{end, len(payload)}
		sync++
		if end, err = l.put(f, h, end, sync, [][]byte{payload}); err != nil {
			err = l.failed("write", err)
		}
		return p, err
	}
	done, err := live(keep)
	if err != nil {
		f.Close()
		l.disk.remove(tempName)
		return err
	}
	if err := f.Sync(); err != nil {
		return fail("sync", err)
	}
	if err := l.disk.rename(tempName, logName); err != nil {
		return fail("rename", err)
	}
	old := l.file
	l.mu.Lock()
	l.file, l.header, l.end = f, h, end
	l.mu.Unlock()
	l.sync = sync
	old.Close()
	if done != nil {
		done()
	}
	if err := l.disk.sync(); err != nil { // either file may be there after a crash, so nothing may be added to one of them
		e := l.failed("sync", err)
		e.Over = true
		l.over = e
		return e
	}
	return nil
}

// Close waits for appends under way and closes the file. A second Close does
// nothing.
func (l *Log) Close() error {
	l.write.Lock()
	defer l.write.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Close(), l.lock.Close())
	l.mu.Lock()
	l.file = nil
	l.mu.Unlock()
	l.over = ErrClosed
	return err
}

// Record is one record of a log.
type Record struct {
	Position
	Payload []byte // good until the next record
}

// ReadLog yields the records of the log in the folder dir and changes nothing. It
// needs no lock: of a log that is being appended to it yields what is whole. The
// last error is a *TornError or a *CorruptError if there is damage.
func ReadLog(dir string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		path := filepath.Join(dir, logName)
		f, err := os.Open(path)
		if err != nil {
			yield(Record{}, fmt.Errorf("journal: %w", err))
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			yield(Record{}, fmt.Errorf("journal: %w", err))
			return
		}
		s := scanner{file: f, size: info.Size()}
		s.records(path, false)(yield)
	}
}

// records yields every record; the last error says what ends them early.
func (s *scanner) records(path string, salvage bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		disk := func(err error) { yield(Record{}, fmt.Errorf("journal: %s: read: %w", path, err)) }
		why, err := s.begin()
		if err != nil {
			disk(err)
			return
		}
		if why != "" {
			yield(Record{}, &CorruptError{Path: path, Next: -1, Why: why})
			return
		}
		for s.offset < s.size {
			p, payload, ok, err := s.next()
			if err != nil {
				disk(err)
				return
			}
			if ok {
				if !yield(Record{p, payload}, nil) {
					return
				}
				continue
			}
			next, torn, err := s.resume()
			switch {
			case err != nil:
				disk(err)
				return
			case torn:
				yield(Record{}, &TornError{path, s.offset, s.size - s.offset})
				return
			case !salvage:
				yield(Record{}, &CorruptError{Path: path, Offset: s.offset, Next: next, Why: "the checksum of a record does not match"})
				return
			}
			s.skip(next)
		}
	}
}
