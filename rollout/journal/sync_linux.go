package journal

import (
	"os"
	"syscall"
)

// syncData makes a file's bytes and its length durable, and not the time of its last
// change, which costs a second write of the disk.
func syncData(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if failed := c.Control(func(fd uintptr) {
		for err = syscall.Fdatasync(int(fd)); err == syscall.EINTR; {
			err = syscall.Fdatasync(int(fd))
		}
	}); failed != nil {
		return failed
	}
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
