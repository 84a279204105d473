//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// socketpair makes two ends of sequenced packets: message borders are kept and
// descriptors can be sent along.
func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "supervisor"), nil
}

// send writes one message with descriptors.
func send(to *os.File, message []byte, fds ...int) error {
	raw, err := to.SyscallConn()
	if err != nil {
		return err
	}
	rights := unix.UnixRights(fds...)
	werr := raw.Write(func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), message, rights, nil, unix.MSG_NOSIGNAL)
		return !errors.Is(err, unix.EAGAIN)
	})
	if werr != nil {
		return werr
	}
	return os.NewSyscallError("sendmsg", err)
}

// receive reads one message and its sender's process id, as this process sees it.
// An empty message is the end.
func receive(from *os.File) (message []byte, pid int, err error) {
	raw, err := from.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	message = make([]byte, 1024)
	extra := make([]byte, 256)
	var n, en int
	rerr := raw.Read(func(fd uintptr) bool {
		n, en, _, _, err = unix.Recvmsg(int(fd), message, extra, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(err, unix.EAGAIN)
	})
	if rerr != nil {
		return nil, 0, rerr
	}
	if err != nil {
		return nil, 0, os.NewSyscallError("recvmsg", err)
	}
	parts, err := unix.ParseSocketControlMessage(extra[:en])
	if err != nil {
		return nil, 0, err
	}
	for i := range parts {
		if c, err := unix.ParseUnixCredentials(&parts[i]); err == nil {
			pid = int(c.Pid)
		}
		if fds, err := unix.ParseUnixRights(&parts[i]); err == nil {
			for _, fd := range fds { // nobody has a reason to send any
				unix.Close(fd)
			}
		}
	}
	return message[:n], pid, nil
}
