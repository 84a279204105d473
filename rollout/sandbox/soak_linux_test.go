//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// descendants are the processes below this one, each with its command.
func descendants(t *testing.T) (found []string) {
	parents := map[string]string{}
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parents[e.Name()] = fields[1]
	}
	me := fmt.Sprint(os.Getpid())
	for pid := range parents {
		for p := pid; p != "" && p != "0"; p = parents[p] {
			if parents[p] == me {
				found = append(found, pid)
				break
			}
		}
	}
	return found
}

func count(t *testing.T, path string) int {
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	return len(entries)
}

// belongings are what a run might leave behind on this machine.
type belongings struct{ fds, mounts, files, shm int }

// within reports whether nothing came on top of before. What lies in the common
// folders may be another program's, and go meanwhile.
func (b belongings) within(before belongings) bool {
	return b.fds == before.fds && b.mounts <= before.mounts && b.files <= before.files && b.shm <= before.shm
}

func have(t *testing.T) (b belongings) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	b.fds, b.mounts = count(t, "/proc/self/fd"), bytes.Count(mounts, []byte("\n"))
	for _, f := range []string{"/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem"} {
		if data, err := os.ReadFile(f); err == nil {
			b.shm += bytes.Count(data, []byte("\n"))
		}
	}
	entries, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "grouprl-sandbox-test") {
			continue // TestAsOrdinaryUser's, perhaps of another run
		}
		if info, err := e.Info(); err == nil && (strings.Contains(e.Name(), "sandbox") || int(info.Sys().(*syscall.Stat_t).Uid) == 65534) {
			b.files++
		}
	}
	return b
}

// litterers are programs that leave something behind if they can.
var litterers = []string{
	"print(1)",
	"while True: pass",
	"import time; time.sleep(100)",
	"import os\nwhile True:\n    try: os.fork()\n    except OSError: break",
	"import os\ntry:\n    if os.fork() == 0: os.setsid(); os.fork()\nexcept OSError: pass",
	"import threading, time\nfor _ in range(8): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
	"for i in range(300): open('f%d' % i, 'w').write('x' * 1000)",
	"import ctypes; print(ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600))",
	"import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
	"import os; os.kill(os.getpid(), 9)",
	"import os; [os.pipe() for _ in range(20)]; os._exit(3)",
	"x = (",
	"x = bytearray(8 << 30)",
	"print('x' * (1 << 20)); import sys; sys.stderr.write('y' * (1 << 20))",
}

// TestLeavesNothing runs some hundred programs in each tier, in sessions of their own, several at once,
// some cut off half way, and looks around: no process, descriptor, mount, temporary
// file, System V object or goroutine is left, and no growth. GROUPRL_LONG=1 makes it
// 100,000.
func TestLeavesNothing(t *testing.T) {
	for _, tier := range []Tier{Namespaces, Landlock} {
		t.Run(tier.String(), func(t *testing.T) { leavesNothing(t, tier) })
	}
}

func leavesNothing(t *testing.T, tier Tier) {
	n := 140
	if os.Getenv("GROUPRL_LONG") == "1" {
		n = 50_000 // in each tier
	}
	before, processes, goroutines := have(t), descendants(t), runtime.NumGoroutine()
	l, err := Local(Config{Tier: tier, Parallel: 4})
	if err != nil {
		t.Skip(err) // reported by the batteries
	}
	defer l.Close()
	soak := func(n int) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range l.Parallel() {
			wg.Go(func() {
				for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
					if err := litter(t.Context(), l, i); err != nil {
						t.Error(i, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	soak(n / 10) // pools and caches fill
	warm, template := have(t), rss(t, l)
	var heap, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&heap)
	soak(n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown, supervisor := int64(after.HeapAlloc)-int64(heap.HeapAlloc), rss(t, l)-template
	t.Logf("%d programs: %+d bytes here, %+d KB in the supervisor, %d descriptors, %d before", n, grown, supervisor, have(t).fds, warm.fds)
	require.Less(t, grown, int64(1<<20), "growth here")
	require.Less(t, supervisor, 2<<10, "growth of the supervisor, in KB")
	require.Eventually(t, func() bool { return have(t).fds <= warm.fds+8 }, 5*time.Second, 20*time.Millisecond) // the pool may be one session up

	require.NoError(t, l.Close())
	require.Eventually(t, func() bool {
		return have(t).within(before) && len(descendants(t)) <= len(processes) && runtime.NumGoroutine() <= goroutines+2 // Eventually has its own
	}, 10*time.Second, 20*time.Millisecond, "%+v, then %+v, %v", before, have(t), descendants(t))
}

// litter runs the i-th program; every seventh is cut off.
func litter(ctx context.Context, l *LocalRunner, i int) error {
	s, err := l.Start(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	p := Program{Source: []byte(litterers[i%len(litterers)]), Limits: Limits{Wall: 60 * time.Millisecond}}
	r, err := s.Load(ctx, p)
	if err != nil || r.Outcome != OK {
		return err
	}
	short := ctx
	if i%7 == 0 {
		var cancel context.CancelFunc
		short, cancel = context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
	}
	if _, err = s.Run(short, nil); short.Err() != nil {
		return nil
	}
	return err
}

// rss of the supervisor in KB.
func rss(t *testing.T, l *LocalRunner) (kb int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.template.cmd.Process.Pid))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(after, &kb)
	require.NoError(t, err)
	return kb
}
