//go:build amd64 || arm64

package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// memfiles are the memory files of one run. A child has its standard streams in them,
// so nothing has to be read while it runs, and its supervisor never touches a byte.
type memfiles struct {
	fds []int
	err error // the first failure of making one
}

// add makes a file that a program writes.
func (m *memfiles) add(name string) int { return m.create(name, 0) }

// addSealed makes a file that can no longer be changed.
func (m *memfiles) addSealed(name string, content []byte) int {
	fd := m.create(name, unix.MFD_ALLOW_SEALING)
	if m.err != nil {
		return -1
	}
	for at := 0; at < len(content); {
		n, err := unix.Pwrite(fd, content[at:], int64(at))
		if err != nil {
			m.err = os.NewSyscallError("pwrite", err)
			return -1
		}
		at += n
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		m.err = os.NewSyscallError("fcntl", err)
	}
	return fd
}

func (m *memfiles) create(name string, flags int) int {
	if m.err != nil {
		return -1
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|flags) // without ALLOW_SEALING nobody can seal it
	if err != nil {
		m.err = os.NewSyscallError("memfd_create", err)
		return -1
	}
	m.fds = append(m.fds, fd)
	return fd
}

// read returns what is in a file up to max bytes, and whether there was more.
func (m *memfiles) read(fd int, max int64) (b []byte, over bool, err error) {
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil {
		return nil, false, os.NewSyscallError("lseek", err)
	}
	if size > max {
		size, over = max, true
	}
	b, err = pread(fd, 0, size)
	return b, over, err
}

// tail returns the last keep bytes, and whether there were more than max in all.
func (m *memfiles) tail(fd int, keep, max int64) (b []byte, over bool, err error) {
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil {
		return nil, false, os.NewSyscallError("lseek", err)
	}
	keep = min(keep, size)
	b, err = pread(fd, size-keep, keep)
	return b, size > max, err
}

func pread(fd int, from, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	b := make([]byte, size)
	for at := 0; at < len(b); {
		n, err := unix.Pread(fd, b[at:], from+int64(at))
		if err != nil {
			return nil, os.NewSyscallError("pread", err)
		}
		if n == 0 {
			return b[:at], nil
		}
		at += n
	}
	return b, nil
}

func (m *memfiles) close() {
	for _, fd := range m.fds {
		unix.Close(fd)
	}
}
