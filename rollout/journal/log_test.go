package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list is the plainest state: the payloads, in order.
type list struct {
	payloads []string
	at       []Position
}

func (l *list) apply(p Position, b []byte) error {
	l.payloads = append(l.payloads, string(b))
	l.at = append(l.at, p)
	return nil
}

func openList(t *testing.T, dir string) (*Log, *list) {
	t.Helper()
	l := new(list)
	log, err := OpenLog(dir, LogOptions{}, l.apply)
	require.NoError(t, err)
	t.Cleanup(func() { log.Close() })
	return log, l
}

func openMemory(m *memory, o LogOptions) (*Log, *list, error) {
	l := new(list)
	log, err := openLog("memory", m, o, l.apply)
	return log, l, err
}

// By hand: a file header of 28 bytes, then 24 bytes and the payload for each record.
func TestLogLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	log, state := openList(t, dir)
	require.NoError(t, log.Append([]byte("one"), []byte{}))
	require.NoError(t, log.Append([]byte("three")))
	require.Equal(t, []string{"one", "", "three"}, state.payloads)
	require.Equal(t, []Position{{28, 3}, {28 + 27, 0}, {28 + 27 + 24, 5}}, state.at)
	require.EqualValues(t, 28+27+24+29, log.Size())
	b, err := log.Read(state.at[2])
	require.NoError(t, err)
	require.Equal(t, "three", string(b))
	_, err = log.Read(Position{29, 3})
	require.ErrorAs(t, err, new(*CorruptError))

	file, err := os.ReadFile(filepath.Join(dir, "journal.log"))
	require.NoError(t, err)
	require.Equal(t, "grouprl journal1", string(file[:16]))
	require.Equal(t, []byte{0xf5, 0xf6, 0xf7, 0xf8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, file[28:44], "sync 1, not its last record")
	require.Equal(t, []byte{1, 0, 0, 0, 0, 0, 0, 0x80}, file[28+27+8:28+27+16], "sync 1, its last record")
	require.Equal(t, []byte{2, 0, 0, 0, 0, 0, 0, 0x80}, file[28+27+24+8:28+27+24+16])
	info, err := os.Stat(filepath.Join(dir, "journal.log"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	info, err = os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

	_, err = OpenLog(dir, LogOptions{}, state.apply)
	require.ErrorAs(t, err, new(*LockedError))
	require.NoError(t, log.Close())
	require.NoError(t, log.Close())
	require.ErrorIs(t, log.Append([]byte("x")), ErrClosed)
	_, err = log.Read(state.at[2])
	require.ErrorIs(t, err, ErrClosed)

	_, again := openList(t, dir)
	require.Equal(t, state, again)
	var read []string
	for r, err := range ReadLog(dir) {
		require.NoError(t, err)
		read = append(read, string(r.Payload))
	}
	require.Equal(t, state.payloads, read)
}

// Cut at any byte, the file opens with the records that are whole, takes new ones
// and opens again.
func TestLogCutAnywhere(t *testing.T) {
	m := newMemory()
	log, state, err := openMemory(m, LogOptions{})
	require.NoError(t, err)
	require.NoError(t, log.Append([]byte("a"), []byte("bb"), []byte("ccc")))
	require.NoError(t, log.Append([]byte("dddd")))
	require.NoError(t, log.Append(bytes.Repeat([]byte("e"), 50), []byte{0xf5, 0xf6, 0xf7, 0xf8}))
	whole := m.names[logName].now
	for n := range whole {
		cut := newMemory()
		cut.names[logName] = &memoryFile{disk: cut, now: slices.Clone(whole[:n])}
		log, got, err := openMemory(cut, LogOptions{})
		if n < fileHeader {
			require.ErrorAs(t, err, new(*CorruptError))
			continue
		}
		require.NoError(t, err, n)
		want := 0
		for want < len(state.at) && state.at[want].Offset+state.at[want].Size() <= int64(n) {
			want++
		}
		require.Equal(t, state.payloads[:want:want], append([]string{}, got.payloads...), n)
		require.NoError(t, log.Append([]byte("new"), []byte("newer")))
		_, again, err := openMemory(cut, LogOptions{})
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

// Any flipped bit is found. In the last sync it is a torn tail; before that it is
// damage, which is an error that leaves the file alone, and Salvage opens it without
// what is damaged.
func TestLogDamageAnywhere(t *testing.T) {
	m := newMemory()
	log, state, err := openMemory(m, LogOptions{})
	require.NoError(t, err)
	for _, s := range []string{"first", "second", "third"} {
		require.NoError(t, log.Append([]byte(s), []byte(s+" too")))
	}
	whole := m.names[logName].now
	for bit := range 8 * len(whole) {
		at := int64(bit / 8)
		hurt := 0 // the record that it is in
		for hurt < len(state.at)-1 && state.at[hurt+1].Offset <= at {
			hurt++
		}
		without := slices.Delete(slices.Clone(state.payloads), hurt, hurt+1)
		damaged := func() *memory {
			d := newMemory()
			d.names[logName] = &memoryFile{disk: d, now: slices.Clone(whole)}
			d.names[logName].now[at] ^= 1 << (bit % 8)
			return d
		}
		d := damaged()
		before := slices.Clone(d.names[logName].now)
		_, got, err := openMemory(d, LogOptions{})
		var corrupt *CorruptError
		switch {
		case at < fileHeader:
			require.ErrorAs(t, err, &corrupt)
			continue
		case hurt >= 4: // the last sync: whoever appended it may not have heard that it is safe
			require.NoError(t, err)
			require.Equal(t, state.payloads[:hurt], got.payloads)
			continue
		}
		require.ErrorAs(t, err, &corrupt, bit)
		require.Equal(t, state.at[hurt].Offset, corrupt.Offset)
		require.Equal(t, state.at[hurt+1].Offset, corrupt.Next)
		require.Equal(t, before, d.names[logName].now)
		log, got, err := openMemory(d, LogOptions{Salvage: true})
		require.NoError(t, err)
		require.Equal(t, without, got.payloads)
		require.NoError(t, log.Append([]byte("new")))
		require.NoError(t, log.Rewrite(func(keep func([]byte) (Position, error)) (func(), error) {
			for _, p := range got.payloads {
				if _, err := keep([]byte(p)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}))
		_, again, err := openMemory(d, LogOptions{})
		require.NoError(t, err)
		require.Equal(t, got.payloads, again.payloads)
	}
}

// A payload that holds the bytes of a record, even one of this format with a right
// checksum under another salt, is no record when the file is searched for one.
func TestLogPayloadIsNoRecord(t *testing.T) {
	m := newMemory()
	log, _, err := openMemory(m, LogOptions{})
	require.NoError(t, err)
	other := newHeader()
	forged := other.appendMark(nil, []byte("forged"), 99, true)
	forged = append(forged, "forged"...)
	require.NoError(t, log.Append(forged))
	f := m.names[logName]
	f.now[fileHeader+4]++ // its length: the tail is torn
	_, got, err := openMemory(m, LogOptions{})
	require.NoError(t, err)
	require.Empty(t, got.payloads)
}

// A sync of which only the second record reached the disk is a torn tail, also as the
// first one after a compaction, and as the one that completes a sync that was cut
// short. Only a record of a later sync makes it damage.
func TestLogTornFirstRecord(t *testing.T) {
	for _, before := range []string{"append", "rewrite", "cut"} {
		m := newMemory()
		log, _, err := openMemory(m, LogOptions{})
		require.NoError(t, err)
		for range 5 {
			require.NoError(t, log.Append([]byte("safe"), []byte("cut")))
		}
		switch before {
		case "rewrite":
			require.NoError(t, log.Rewrite(func(keep func([]byte) (Position, error)) (func(), error) {
				_, err := keep([]byte("safe"))
				return nil, err
			}))
		case "cut":
			f := m.names[logName]
			f.now = f.now[:len(f.now)-1]
			log, _, err = openMemory(m, LogOptions{})
			require.NoError(t, err)
		}
		whole := log.Size()
		require.NoError(t, log.Append([]byte("lost"), []byte("there")))
		m.names[logName].now[whole+recordHeader] ^= 1
		log, state, err := openMemory(m, LogOptions{})
		require.NoError(t, err, before)
		require.Equal(t, whole, log.Size())
		require.NotContains(t, state.payloads, "there")

		require.NoError(t, log.Append([]byte("hurt"), []byte("there")))
		require.NoError(t, log.Append([]byte("later")))
		m.names[logName].now[whole+recordHeader] ^= 1
		_, _, err = openMemory(m, LogOptions{})
		require.ErrorAs(t, err, new(*CorruptError), before)
	}
}

// After a power loss every record whose Append had returned is there, once and in
// order, whichever pages of the rest reached the disk; and so through any number of
// losses, compactions in between.
func TestLogPowerLoss(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := newMemory()
		var safe []string
		n := 0
		for range 12 {
			log, state, err := openMemory(m, LogOptions{})
			require.NoError(t, err, "seed %d", seed)
			require.NotContains(t, m.names, tempName)
			require.GreaterOrEqual(t, len(state.payloads), len(safe))
			require.True(t, slices.Equal(safe, state.payloads[:len(safe)]), "seed %d", seed)
			safe = slices.Clone(state.payloads)
			for range r.IntN(4) {
				var batch [][]byte
				for range 1 + r.IntN(3) {
					batch = append(batch, append(fmt.Appendf(nil, "%d ", n), make([]byte, r.IntN(3*page))...))
					n++
				}
				require.NoError(t, log.Append(batch...))
				for _, b := range batch {
					safe = append(safe, string(b))
				}
			}
			rewrite := func() error {
				return log.Rewrite(func(keep func([]byte) (Position, error)) (func(), error) {
					for _, s := range safe {
						if _, err := keep([]byte(s)); err != nil {
							return nil, err
						}
					}
					return nil, nil
				})
			}
			if r.IntN(3) == 0 {
				require.NoError(t, rewrite())
			}
			// The power goes in the middle of something.
			m.fail[[]string{"sync", "folder sync", "rename", "truncate"}[r.IntN(4)]] = errDisk
			if r.IntN(2) == 0 {
				rewrite()
			}
			log.Append(make([]byte, r.IntN(4*page)), []byte("not told"))
			m = m.loss(r)
		}
	}
}

// A full disk is an error that says so; what was there stays, nothing of the failed
// append is seen, and once there is room the log goes on.
func TestLogFullDisk(t *testing.T) {
	for room := range 200 {
		m := newMemory()
		log, state, err := openMemory(m, LogOptions{})
		require.NoError(t, err)
		require.NoError(t, log.Append([]byte("safe")))
		size := log.Size()
		m.room = room
		err = log.Append(make([]byte, 100), make([]byte, 100))
		var full *WriteError
		require.ErrorAs(t, err, &full)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Equal(t, size, full.Safe)
		require.False(t, full.Over)
		require.Contains(t, err.Error(), "no space left on device")
		require.Equal(t, []string{"safe"}, state.payloads)
		err = log.Rewrite(func(keep func([]byte) (Position, error)) (func(), error) {
			_, err := keep(make([]byte, 200))
			return nil, err
		})
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NotContains(t, m.names, tempName)
		m.room = -1
		require.NoError(t, log.Append([]byte("after")))
		_, again, err := openMemory(m, LogOptions{})
		require.NoError(t, err)
		require.Equal(t, []string{"safe", "after"}, again.payloads)
	}
}

// After a failed fsync, or a failed clean-up, nothing more is written until the log
// is opened again.
func TestLogFailedSync(t *testing.T) {
	for _, op := range []string{"sync", "truncate"} {
		m := newMemory()
		log, state, err := openMemory(m, LogOptions{})
		require.NoError(t, err)
		require.NoError(t, log.Append([]byte("safe")))
		m.fail[op] = errDisk
		if op == "truncate" {
			m.room = 10
		}
		var failed *WriteError
		require.ErrorAs(t, log.Append([]byte("lost")), &failed)
		require.True(t, failed.Over)
		clear(m.fail)
		m.room = -1
		require.ErrorAs(t, log.Append([]byte("later")), &failed)
		require.Error(t, log.Rewrite(nil))
		require.Equal(t, []string{"safe"}, state.payloads)
		log, state, err = openMemory(m, LogOptions{})
		require.NoError(t, err)
		require.Equal(t, "safe", state.payloads[0])
		require.NoError(t, log.Append([]byte("later")))
	}
	for _, op := range []string{"create", "rename", "sync", "folder sync", "lock"} {
		m := newMemory()
		m.fail[op] = errDisk
		_, _, err := openMemory(m, LogOptions{})
		require.ErrorAs(t, err, new(*WriteError), op)
		require.ErrorIs(t, err, errDisk)
		clear(m.fail)
		_, _, err = openMemory(m, LogOptions{})
		require.NoError(t, err)
	}
}

// Appends at the same time are each durable, applied in the order of the file, and
// share fsyncs.
func TestLogGroupCommit(t *testing.T) {
	dir := t.TempDir()
	log, state := openList(t, dir)
	const workers, each = 16, 20
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := range each {
				b := binary.LittleEndian.AppendUint32([]byte{byte(w)}, uint32(i))
				if err := log.Append(b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	require.Len(t, state.payloads, workers*each)
	next := map[byte]uint32{}
	for _, p := range state.payloads {
		require.Equal(t, next[p[0]], binary.LittleEndian.Uint32([]byte(p[1:])))
		next[p[0]]++
	}
	require.Less(t, log.sync, uint64(workers*each))
	require.NoError(t, log.Close())
	_, again := openList(t, dir)
	require.Equal(t, state, again)
}

func TestLogApplyError(t *testing.T) {
	dir := t.TempDir()
	log, _ := openList(t, dir)
	require.NoError(t, log.Append([]byte("a")))
	require.NoError(t, log.Close())
	_, err := OpenLog(dir, LogOptions{}, func(Position, []byte) error { return errDisk })
	require.ErrorIs(t, err, errDisk)
	_, again := openList(t, dir) // the lock is free
	require.Equal(t, []string{"a"}, again.payloads)
}

func TestLogRecordTooLarge(t *testing.T) {
	log, state := openList(t, t.TempDir())
	require.Equal(t, MaxRecord, log.limit)
	log.limit = 3
	require.ErrorAs(t, log.Append([]byte("abc"), []byte("abcd")), new(*SizeError))
	require.Empty(t, state.payloads)
}

// FuzzReadLog: whatever a file holds, reading it and opening it end, with records or
// an error, and opening it twice gives the same.
func FuzzReadLog(f *testing.F) {
	h := header{}
	file := h.encode()
	for i, s := range []string{"one", "two", ""} {
		file = append(h.appendMark(file, []byte(s), uint64(i+1), true), s...)
	}
	f.Add(file, -1, byte(0))
	f.Add(file, 40, byte(1))
	f.Add(file[:60], 33, byte(255))
	f.Add([]byte{}, 0, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, flip int, with byte) {
		if len(b) > 1<<16 {
			return
		}
		if flip >= 0 && flip < len(b) {
			b[flip] ^= with
		}
		m := newMemory()
		m.names[logName] = &memoryFile{disk: m, now: b}
		var first *list
		for range 2 {
			log, state, err := openMemory(m, LogOptions{Salvage: true})
			if err != nil {
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) {
					t.Fatal(err)
				}
				return
			}
			if first != nil && !slices.Equal(first.payloads, state.payloads) {
				t.Fatalf("%q, then %q", first.payloads, state.payloads)
			}
			first = state
			log.Close()
		}
	})
}
