package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A disk is the folder that holds a log; tests put a faulty one in its place.
type disk interface {
	create(name string) (file, error)               // empty, mode 0600
	open(name string) (file, int64, error)          // for reading and writing, and its size
	rename(from, to string) error                   // replaces to
	remove(name string)                             // if it can
	sync() error                                    // makes creations and renames durable
	lock(name string) (unlock io.Closer, err error) // exclusive, until closed or the process ends
}

type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

type folder string

// A diskFile is a plain file of a folder.
type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return syncData(f.File) }

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) create(name string) (file, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d folder) open(name string) (file, int64, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, 0, &fs.PathError{Op: "open", Path: d.path(name), Err: errors.New("not a plain file")}
	}
	return diskFile{f}, info.Size(), nil
}

func (d folder) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d folder) remove(name string) { os.Remove(d.path(name)) }

func (d folder) sync() error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d folder) lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
