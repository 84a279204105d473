# The supervisor of package sandbox: a template process that is started once, forks a
# session for every rollout, which forks a child for every test. It trusts its control
# socket and nothing else: no submitted byte is parsed here, only in the children.
#
#   template  fd 3 in: configuration (JSON), then one message with one socket a session
#   session   its socket: requests with descriptors, one reply each
#   child     takes its limits on, waits for its request and descriptors 0, 1, 2 (and 3
#             for a function's value), and becomes the program. The one that compiles a
#             program goes on as its first run
#
# What costs a child its time are the pages that it touches first, each a fault and a
# copy. So it finds ready what can be ready, and calls what is near the system.
#
# Descriptors of the programs' input and output are memory files made by the Go side,
# which reads them itself: outputs never pass through here.
import sys
sys.path[:] = [p for p in sys.path if p]
import ctypes
import gc
import os
import resource
import select
import stat
import struct
import time
from _signal import SIGCHLD, SIGKILL, SIGXFSZ, SIG_DFL, SIG_IGN, signal
from os import _exit
from _socket import socket, socketpair, AF_UNIX, SOCK_SEQPACKET, SOL_SOCKET, SCM_RIGHTS, CMSG_SPACE
# What children need, so that no test pays for it.
import _sitebuiltins
import atexit
import builtins
import io
import json
import marshal
from types import ModuleType

libc = ctypes.PyDLL(None, use_errno=True)
_syscall = libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long,) * 7
_prctl = libc.prctl
_prctl.argtypes = (ctypes.c_int,) + (ctypes.c_ulong,) * 4
_mount = libc.mount
_mount.argtypes = (ctypes.c_char_p,) * 3 + (ctypes.c_ulong, ctypes.c_char_p)
_umount, _capset = libc.umount2, libc.capset

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_NOATIME = 1, 2, 4, 8, 32, 1024
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_MOUNT_SETATTR, SYS_LANDLOCK = 442, 444  # the same numbers on every architecture
SOCK, RULES, CODE = 200, 201, 202  # a session's own descriptors, out of the way
BOX = "/sandbox/box"


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def syscall(what, number, *args):
    return check(_syscall(number, *(args + (0,) * (6 - len(args)))), what)


def prctl(what, option, a=0, b=0, c=0, d=0):
    return check(_prctl(option, a, b, c, d), what)


def mount(source, target, kind, flags, options=None):
    enc = [None if s is None else os.fsencode(s) for s in (source, target, kind, options)]
    check(_mount(enc[0], enc[1], enc[2], flags, enc[3]), "mount %s on %s" % (source, target))


def capabilities(mask):
    """The arguments of capset."""
    return (ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0)),
            ctypes.create_string_buffer(struct.pack("<6I", mask, mask, 0, 0, 0, 0)))


NO_CAPABILITIES = capabilities(0)
SYS_ADMIN = capabilities(1 << 21)


# ---- messages ----

def receive(sock, size=1024, fds=4):
    data, extra, flags, _ = sock.recvmsg(size, CMSG_SPACE(4 * fds))
    got = []
    for level, kind, body in extra:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            got += struct.unpack("<%di" % (len(body) // 4), body)
    return data, got


# ---- landlock ----

def landlock_abi():
    r = _syscall(SYS_LANDLOCK, 0, 0, 1, 0, 0, 0)
    return r if r > 0 else 0


EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
BOX_RIGHTS = WRITE_FILE | READ_FILE | READ_DIR | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 12  # files, folders, links


def rules_of(cfg):
    """What a child may touch. The files are the same in every session, so the template
    makes the rule set for all of them; a session's own /proc and work folder lie
    beneath folders that it names."""
    rules = [("/dev/" + d, READ_FILE) for d in ("zero", "random", "urandom")]
    rules += [("/dev/" + d, READ_FILE | WRITE_FILE) for d in ("null", "full")]
    if cfg["namespaces"]:
        return rules + [("/", READ_FILE | READ_DIR), (os.path.dirname(BOX), BOX_RIGHTS)]
    return rules + [(p, READ_FILE | READ_DIR if os.path.isdir(p) else READ_FILE) for p in cfg["ro"]]


def ruleset(abi, rules):
    files = (1 << 13) - 1
    if abi >= 2:
        files |= 1 << 13  # refer
    if abi >= 3:
        files |= 1 << 14  # truncate
    if abi >= 5:
        files |= 1 << 15  # ioctl on devices
    attr = struct.pack("<QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    attr = attr[:24 if abi >= 6 else 16 if abi >= 4 else 8]
    buf = ctypes.create_string_buffer(attr, len(attr))
    fd = syscall("landlock_create_ruleset", SYS_LANDLOCK, ctypes.addressof(buf), len(attr), 0)
    for path, rights in rules:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if rights & WRITE_FILE:
            rights |= files & (1 << 14)
            if rights & READ_DIR:
                rights |= files & (1 << 13)
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights & files, beneath))
        syscall("landlock_add_rule", SYS_LANDLOCK + 1, fd, 1, ctypes.addressof(rule), 0)
        os.close(beneath)
    return fd


# ---- the template's own namespaces ----

def private_root(cfg):
    """A read-only tmpfs root with the interpreter's folders in it."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    opened = [(os.open(p, os.O_PATH), p) for p in cfg["ro"]]
    devices = [(os.open("/dev/" + d, os.O_PATH), "/dev/" + d) for d in ("null", "zero", "full", "random", "urandom")]
    base = next(p for p in ("/tmp", "/mnt", "/usr") if os.path.isdir(p))
    mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=1k,mode=755")
    readonly = ctypes.create_string_buffer(struct.pack("<QQQQ", 1 | 2 | 4, 0, 0, 0))
    for fd, path in opened:
        target = base + path
        if stat.S_ISDIR(os.fstat(fd).st_mode):  # the path may be covered by now
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        mount("/proc/self/fd/%d" % fd, target, None, MS_BIND | MS_REC)
        name = ctypes.create_string_buffer(os.fsencode(target))
        syscall("mount_setattr", SYS_MOUNT_SETATTR, -100, ctypes.addressof(name), 0x8000, ctypes.addressof(readonly), 32)
        os.close(fd)
    for link, target in cfg["links"]:
        os.makedirs(os.path.dirname(base + link), exist_ok=True)
        if not os.path.lexists(base + link):
            os.symlink(target, base + link)
    os.mkdir(base + "/dev")
    for fd, path in devices:
        os.close(os.open(base + path, os.O_CREAT | os.O_WRONLY))
        mount("/proc/self/fd/%d" % fd, base + path, None, MS_BIND)
        os.close(fd)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink("/proc/self/fd" + target, base + "/dev/" + name)
    os.mkdir(base + "/proc")
    os.makedirs(base + BOX)
    if not os.path.lexists(base + "/tmp"):
        os.symlink(BOX, base + "/tmp")
    cfg["proc"] = True
    try:
        mount_proc(base + "/proc")
    except OSError:
        cfg["proc"] = False  # a masked /proc, as containers have it: do without
    os.chdir(base)
    syscall("pivot_root", cfg["sys_pivot_root"], ctypes.addressof(DOT), ctypes.addressof(DOT))
    check(_umount(b".", MNT_DETACH), "umount old root")
    os.chdir("/")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    check(libc.sethostname(b"sandbox", 7), "sethostname")


def mount_proc(where):
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    try:
        mount("proc", where, "proc", flags, "subset=pid")
    except OSError:
        mount("proc", where, "proc", flags)


DOT = ctypes.create_string_buffer(b".")

# The leniency of the reference grader: these modules and their names are there without
# an import. They are made builtins, so that a program's own module is small.
PRELUDE = ("string re datetime collections heapq bisect copy math random statistics itertools "
           "functools operator io sys json builtins typing").split()


def add_prelude():
    # Not random's reseeding at every fork: it costs, and verdicts should be reproducible.
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    import random
    os.register_at_fork = register
    random.seed(0)
    names = {}
    for m in PRELUDE:
        exec("from %s import *" % m, names)
    for m in PRELUDE:
        exec("import %s" % m, names)
    for name in list(names):
        if not hasattr(builtins, name):
            setattr(builtins, name, names[name])
            added.append(name)


added = []  # what a strict program does without


def template():
    control = socket(fileno=3)
    data, _ = receive(control, 1 << 18)
    if not data:
        _exit(0)
    try:
        cfg = json.loads(data)
        procfd = os.open("/proc", os.O_PATH | os.O_CLOEXEC) if os.path.isdir("/proc") else -1
        if cfg["namespaces"]:
            private_root(cfg)
        else:
            os.chdir("/")
            prctl("PR_SET_CHILD_SUBREAPER", 36, 1)
        sys.path.extend(cfg["path"])
        sys.argv = ["solution.py"]
        open_streams()
        for name in ("exit", "quit"):
            setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
        add_prelude()
        rehearse()  # before there is more to end
        for name in cfg["preload"]:
            __import__(name)
        sys.stdout.flush()  # what they said is no program's
        filter = bytes.fromhex(cfg["filter"])
        code = ctypes.create_string_buffer(filter, len(filter))
        cfg["filter"] = code, ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(filter) // 8, ctypes.addressof(code)))
        cfg["abi"] = landlock_abi()
        cfg["rules"] = -1
        if cfg["abi"] and (cfg["namespaces"] or cfg["landlock"]):
            cfg["rules"] = ruleset(cfg["abi"], rules_of(cfg))
        cfg["first"] = bytes.fromhex(cfg["first"])
        die_first()
        prctl("PR_SET_DUMPABLE", 4, 0)
        prctl("PR_SET_NO_NEW_PRIVS", 38, 1)
    except BaseException as e:
        number = e.errno if isinstance(e, OSError) else 0
        control.send(json.dumps({"error": "%s: %s" % (type(e).__name__, e), "errno": number or 0}).encode())
        _exit(1)
    signal(SIGCHLD, SIG_IGN)
    signal(SIGXFSZ, SIG_DFL)
    gc.collect()
    gc.freeze()
    gc.disable()
    control.send(json.dumps({"error": "", "errno": 0, "abi": cfg["abi"], "proc": cfg.get("proc", False),
                             "version": sys.version.split()[0]}).encode())
    while True:
        data, fds = receive(control, 64, 1)
        if not data:
            break
        if len(fds) != 1:
            continue
        try:
            pid = syscall("clone", cfg["sys_clone"], SESSION) if cfg["namespaces"] else os.fork()
        except OSError as e:
            socket(fileno=fds[0]).send(b"e" + str(e).encode())  # closes it
            continue
        if pid == 0:
            control.close()
            try:
                enter_session(cfg, procfd, fds[0])
            except BaseException as e:
                failed = ("%s: %s" % (type(e).__name__, e)).encode()
                try:
                    socket(fileno=fds[0]).send(b"e" + failed)
                except OSError:
                    pass
            _exit(1)
        os.close(fds[0])
    if not cfg["namespaces"]:
        os.killpg(0, SIGKILL)
    _exit(0)


def rehearse(times=20):
    """Runs a program here, to its end but for the exit, as often as the interpreter takes
    to tune its code. Its caches are then filled in every child, which would each fill
    them anew, in pages that it copies for that."""
    global _exit
    end, main, depth = _exit, sys.modules["__main__"], sys.getrecursionlimit()
    streams = sys.stdin, sys.stdout, sys.stderr
    open_streams()
    for fd in (0, 1):
        memory = os.memfd_create("rehearsal")
        os.dup2(memory, fd)
        os.close(memory)
    os.pwrite(0, b"1\n" * times, 0)
    code = marshal.loads(marshal.dumps(compile("print(int(input()) + 1)", "solution.py", "exec", 0, True)))
    _exit = lambda status: None
    for _ in range(times):
        run_program(code, "", False)
    _exit = end
    sys.modules["__main__"] = main
    sys.setrecursionlimit(depth)
    said = read_all(1)
    open_streams()
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams
    if said != b"2\n" * times:
        raise OSError("a program does not run here")


# A session is process 1 of its namespaces from its first instruction on.
SESSION = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | SIGCHLD


def write_proc(procfd, name, text):
    fd = os.open("self/" + name, os.O_WRONLY, dir_fd=procfd)
    os.write(fd, text)
    os.close(fd)


def enter_session(cfg, procfd, fd):
    """Makes this fork of the template a session, and serves."""
    signal(SIGCHLD, SIG_DFL)
    if cfg["namespaces"]:
        write_proc(procfd, "setgroups", b"deny")
        write_proc(procfd, "uid_map", b"0 0 1")
        write_proc(procfd, "gid_map", b"0 0 1")
        if cfg["proc"]:
            mount_proc("/proc")
        mount_box()
        for capability in range(64):
            if _prctl(24, capability, 0, 0, 0) < 0:  # PR_CAPBSET_DROP
                break
        check(_capset(*SYS_ADMIN), "capset")  # CAP_SYS_ADMIN in its own namespaces: to renew the work folder
    else:
        prctl("PR_SET_PDEATHSIG", 1, SIGKILL)
    if fd >= SOCK:
        raise OSError("too many descriptors")
    os.dup2(fd, SOCK, False)
    if cfg["rules"] >= 0:
        os.dup2(cfg["rules"], RULES, False)
    os.closerange(3, SOCK)
    os.closerange(CODE, 1024)
    sock = socket(AF_UNIX, SOCK_SEQPACKET, 0, SOCK)
    try:
        session(cfg, sock)
    except BaseException as e:  # the machinery's: no memory for a fork, say
        sock.send(b"e" + ("%s: %s" % (type(e).__name__, e)).encode()[:900])
    _exit(1)


# ---- the work folder ----

def box_state():
    """Changes with everything that can be left in the work folder."""
    v, s = os.statvfs(BOX), os.stat(BOX)
    return v.f_bfree, v.f_ffree, s.st_mtime_ns, s.st_ctime_ns, s.st_mode


def mount_box():
    global clean
    mount("tmpfs", BOX, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "size=32m,nr_inodes=256,mode=700")
    clean = box_state()


def renew_box():
    if box_state() != clean:
        check(_umount(BOX.encode(), MNT_DETACH), "umount work folder")
        mount_box()


# ---- a session ----

REQUEST = struct.Struct("<cBxxxxxx6q")  # op, flags, then wall, memory, output, stack, threads, files
STRICT, LAST = 1, 2  # flags
REPLY = struct.Struct("<cBBxi4q")  # kind, ready, timed out, wait status, cpu ns, wall ns, peak bytes, 0
SETUP = 20  # seconds that a child may take to get ready; its wall clock runs from then
KEPT = 64 << 10  # bytes of a small program


def fits(request):
    """What two requests share that one child can serve: the kind, and all limits but the clock's."""
    return request[:1] + request[16:REQUEST.size]


class Child:
    """A fork that takes all limits on and waits for its request with descriptors."""

    def __init__(self, cfg, request):
        self.fits, self.since, self.used = fits(request), 0, 0
        self.channel, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            run_child(cfg, request, theirs)
        theirs.close()
        self.channel.settimeout(SETUP)

    def hand(self, request, fds):
        """Hands it the request. It worked from since on, with the CPU time used by then."""
        arrived = time.monotonic_ns()
        try:
            if not self.since:
                word = self.channel.recv(1024)
                if len(word) > 8:
                    raise RuntimeError(word.decode())  # of limit, before the first submitted byte
                self.since, = struct.unpack("<q", word)
            self.used = self.clock()
            self.channel.sendmsg([request], [(SOL_SOCKET, SCM_RIGHTS, struct.pack("<%di" % len(fds), *fds))])
            self.since = max(self.since, arrived)
        except (OSError, struct.error):
            self.since = 0  # it has died already, or was not ready in SETUP seconds

    def clock(self):
        return time.clock_gettime_ns(~self.pid << 3 | 2)  # of that process

    def watch(self, sock, wall):
        """Waits for the end of the child, of its time, or of the session: the latter two are
        late. The third end is word that a compiler has done."""
        pidfd = os.pidfd_open(self.pid)
        poller = select.poll()
        poller.register(sock, 0)
        poller.register(pidfd, select.POLLIN)
        compiles = self.fits[:1] == b"L"
        if compiles:
            poller.register(self.channel, select.POLLIN)
        until = self.since + wall if self.since else 0
        late = compiled = False
        while not late:
            events = dict(poller.poll(max(until - time.monotonic_ns(), 0) / 1e6))
            if pidfd in events:
                break
            if compiles and self.channel.fileno() in events:
                compiled = self.channel.recv(1) == b"c"
                if compiled:
                    break
                poller.unregister(self.channel)
                compiles = False
            else:
                late = bool(events) or time.monotonic_ns() >= until
        os.close(pidfd)
        return late, compiled

    def end(self):
        self.channel.close()
        os.kill(self.pid, SIGKILL)
        return os.wait4(self.pid, 0)


def session(cfg, sock):
    cfg["session"] = os.getpid()
    sock.send(b"r")
    spare = Child(cfg, cfg["first"])  # a compiler with the usual limits
    runs = 0
    while True:
        request, fds = receive(sock)
        if not request:
            _exit(0)
        compiles = request[:1] == b"L"
        if compiles:
            os.dup2(fds[-1], CODE, False)  # takes the compiled program
            runs = 0
        elif cfg["namespaces"]:
            renew_box()
        if spare and spare.fits != fits(request):
            spare.end()
            spare = None
        child, spare = spare or Child(cfg, request), None
        child.hand(request, fds)
        for fd in fds:
            os.close(fd)
        if not compiles:
            # While this child works, the next one gets ready: from the second run on,
            # since a program that came so far mostly goes on, but not after the last.
            child.channel.close()
            if runs > 0 and not request[1] & LAST:
                spare = Child(cfg, request)
            runs += 1
        late, compiled = child.watch(sock, REQUEST.unpack_from(request)[2])
        took = time.monotonic_ns() - child.since
        if compiled:
            status, spent, peak = 0, child.clock(), 0
            child.fits, spare = b"R" + child.fits[1:], child
        else:
            if late:
                os.kill(child.pid, SIGKILL)
            child.channel.close()
            _, status, usage = os.wait4(child.pid, 0)
            took = time.monotonic_ns() - child.since
            spent, peak = round((usage.ru_utime + usage.ru_stime) * 1e9), usage.ru_maxrss * 1024
        sock.send(REPLY.pack(b"d", child.since > 0, late, status, max(spent - child.used, 0), took, peak, 0))


# ---- a child: from here on nothing is trusted afterwards ----

def limit(cfg, request, channel):
    """Everything that a child loses before the first submitted byte is read."""
    op, _, _, memory, output, stack, threads, files = REQUEST.unpack_from(request)
    if op == b"L":
        output = max(output, 16 << 20)  # the compiled program is written too
    if not cfg["namespaces"]:
        prctl("PR_SET_PDEATHSIG", 1, SIGKILL)
        if os.getppid() != cfg["session"]:
            _exit(1)
    os.closerange(3, channel)
    os.closerange(channel + 1, RULES)
    check(_capset(*NO_CAPABILITIES), "capset")
    setrlimit = resource.setrlimit
    setrlimit(resource.RLIMIT_CORE, (0, 0))
    setrlimit(resource.RLIMIT_FSIZE, (output + 1, output + 1))
    setrlimit(resource.RLIMIT_NOFILE, (files, files))
    setrlimit(resource.RLIMIT_STACK, (stack, stack))
    setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    if cfg["namespaces"]:
        setrlimit(resource.RLIMIT_NPROC, (threads + 2, threads + 2))  # with the supervisor and another child
    elif cfg["processes"]:
        setrlimit(resource.RLIMIT_NPROC, (cfg["processes"], cfg["processes"]))
    setrlimit(resource.RLIMIT_AS, (memory, memory))
    if cfg["rules"] >= 0:
        syscall("landlock_restrict_self", SYS_LANDLOCK + 2, RULES, 0)
        os.close(RULES)
    code, program = cfg["filter"]
    if len(code):
        pid = os.getpid()
        for at in cfg["filter_pid"]:
            struct.pack_into("<I", code, at, pid)
        prctl("PR_SET_SECCOMP", 22, 2, ctypes.addressof(program))


def run_child(cfg, request, channel):
    try:
        limit(cfg, request, channel.fileno())
    except BaseException as e:
        channel.send(("set-up: %s: %s" % (type(e).__name__, e)).encode()[:900])
        _exit(1)
    channel.send(struct.pack("<q", time.monotonic_ns()))  # ready
    try:
        if request[:1] == b"L":
            request, fds = receive(channel)
            if not fds:
                _exit(0)
            code = compile_program(fds)
            channel.send(b"c")
            request, fds = receive(channel)
            output = REQUEST.unpack_from(request)[4] + 1 if fds else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
        else:
            code = marshal.loads(read_all(CODE))
            request, fds = receive(channel)
        if not fds:
            _exit(0)
        strict, entry = request[1] & STRICT, request[REQUEST.size:].decode()
        channel.detach()
        for to, fd in enumerate(fds):  # every one is 3 or more, in the order of to
            os.dup2(fd, to)
        os.closerange(len(fds), CODE + 1)
        if cfg["namespaces"]:
            os.chdir(BOX)
    except BaseException as e:
        report(e)
        _exit(1)
    run_program(code, entry, strict)


def die_first():
    """Makes this process and its children the first that the kernel kills for want of
    memory, the largest first: a program, and none of its supervisors."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:
        pass


def open_stream(fd, mode, name, errors):
    raw = io.open(fd, mode + "b", -1, closefd=False)
    (raw.raw if hasattr(raw, "raw") else raw).name = name
    text = io.TextIOWrapper(raw, "utf-8", errors, newline="\n", line_buffering=fd == 2)
    text.mode = mode
    return text


def open_streams():
    """Standard streams as the interpreter makes them. Nothing is read or written before
    a child has its own descriptors, so all children can have them ready-made."""
    log = os.dup(2)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    sys.stdin = sys.__stdin__ = open_stream(0, "r", "<stdin>", "strict")
    sys.stdout = sys.__stdout__ = open_stream(1, "w", "<stdout>", "strict")
    sys.stderr = sys.__stderr__ = open_stream(2, "w", "<stderr>", "backslashreplace")
    os.dup2(log, 2)
    os.close(log)
    os.close(null)


def read_all(fd):
    return os.pread(fd, os.fstat(fd).st_size, 0)


def compile_program(fds):
    """Compiles a program and writes it for the children to come. It returns, to go on as
    the first run, if it is as good as new: from a small program without warnings."""
    os.dup2(fds[1], 1)
    os.dup2(fds[2], 2)
    try:
        source = read_all(fds[0])
        code = compile(source, "solution.py", "exec", 0, True)
        data = marshal.dumps(code)
        while data:
            data = data[os.write(fds[3], data):]
        sys.stderr.flush()
        if len(source) <= KEPT and os.fstat(2).st_size == 0:
            return code
        _exit(0)
    except BaseException:
        try:
            sys.excepthook(sys.exc_info()[0], sys.exc_info()[1].with_traceback(None), None)
            sys.stderr.flush()
        finally:
            _exit(1)


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 255
    try:
        sys.stdout.flush()
        print(code, file=sys.stderr)
    except BaseException:
        pass
    return 1


def report(e):
    """An uncaught exception, as the interpreter shows it, without this file's frame."""
    try:
        trace = e.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == "<string>":
            trace = trace.tb_next
        e = e.with_traceback(trace)
        sys.stdout.flush()
    except BaseException:
        trace = None
    try:
        sys.excepthook(type(e), e, trace)
    except BaseException:
        try:
            sys.__excepthook__(type(e), e, trace)
        except BaseException:
            pass
    return 1


def finish(status, names):
    """What the interpreter does at its end, short of taking itself apart."""
    streams = sys.__stdout__, sys.__stderr__
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
    except BaseException as e:
        report(e)
    try:
        atexit._run_exitfuncs()
    except BaseException as e:
        report(e)
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as e:
        report(e)
        status = 120
    try:
        names.clear()  # files that it left open write what they hold
    except BaseException:
        pass
    for stream in (sys.stderr,) + streams:
        try:
            stream.flush()
        except BaseException:
            pass
    _exit(status)


def run_program(code, entry, strict):
    status, names = 1, {}
    try:
        gc.enable()
        main = sys.modules["__main__"] = ModuleType("__main__")
        names = main.__dict__
        names["__builtins__"] = builtins
        names["__file__"] = "solution.py"
        if strict:
            for name in added:
                delattr(builtins, name)
        else:
            sys.setrecursionlimit(50000)
        if not entry:
            exec(code, names)
            return finish(0, names)
        text = read_all(0)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        arguments = [json.loads(line) for line in text.decode().split("\n") if line.strip()]
        encoder, write, cap = encode, os.write, resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        exec(code, names)
        solution = names.get("Solution")
        if isinstance(solution, type) and hasattr(solution, entry):
            function = getattr(solution(), entry)
        else:
            function = names[entry]
        data = encoder(function(*arguments), cap)
        while data:
            data = data[write(3, data):]
        status = 0
    except SystemExit as e:
        status = exit_status(e.code)
    except BaseException as e:
        status = report(e)
    if entry:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            pass
        _exit(status)
    finish(status, names)


def encode(value, cap):
    """A returned value as bytes for the Go side; more than cap bytes end in the output limit."""
    out, todo = bytearray(), [value]
    while todo:
        if len(out) > cap:
            return b"\0" * (cap + 1)
        v = todo.pop()
        kind = type(v)  # not __class__, which may lie
        if v is None:
            out += b"N"
        elif v is True:
            out += b"T"
        elif v is False:
            out += b"F"
        elif issubclass(kind, int):
            text = hex(int(v)).encode()
            out += b"I" + struct.pack("<I", len(text)) + text
        elif issubclass(kind, float):
            out += b"D" + struct.pack("<d", float(v))
        elif issubclass(kind, str):
            text = str(v).encode("utf-8", "surrogatepass")
            out += b"S" + struct.pack("<I", len(text)) + text
        elif issubclass(kind, (list, tuple)):
            items = list(v)
            out += (b"L" if issubclass(kind, list) else b"U") + struct.pack("<I", len(items))
            todo += reversed(items)
        elif issubclass(kind, dict):
            items = list(v.items())
            out += b"M" + struct.pack("<I", len(items))
            for key, item in reversed(items):
                todo.append(item)
                todo.append(key)
        else:
            number = getattr(v, "item", None)  # a numpy scalar
            if number is not None and kind.__module__ == "numpy" and getattr(v, "ndim", 1) == 0:
                todo.append(number())
                continue
            text = kind.__name__.encode("utf-8", "replace")[:100]
            out += b"O" + struct.pack("<I", len(text)) + text
    return bytes(out)


template()
