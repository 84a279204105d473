package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// allowedCallsArch are calls that this architecture has under its own name.
var allowedCallsArch = []uint32{unix.SYS_FSTATAT, unix.SYS_RENAMEAT}

var boxCallsArch []uint32
