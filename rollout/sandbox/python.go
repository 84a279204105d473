package sandbox

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// interpreter is a Python that the sandbox can use, and what it needs to read.
type interpreter struct {
	Executable string   `json:"executable"`
	Version    []int    `json:"version"`
	Path       []string `json:"path"`      // sys.path without site
	Libraries  []string `json:"libraries"` // files mapped after the imports that matter
}

// what an interpreter is asked about itself. Folders of site packages are left out:
// -S, as in the sandbox.
const aboutPython = `import sys, json
for name in ("ctypes", "ssl", "sqlite3", "lzma", "bz2", "decimal", "_struct", "_socket"):
    try: __import__(name)
    except ImportError: pass
m = set()
for line in open("/proc/self/maps"):
    f = line.split(None, 5)
    if len(f) == 6 and f[5].startswith("/"): m.add(f[5].rstrip("\n"))
print(json.dumps({"executable": sys.executable, "version": list(sys.version_info[:3]), "path": [p for p in sys.path if p], "libraries": sorted(m)}))`

// findPython returns the first interpreter that uid may read: the given one, or
// python3 on PATH made out to the real one (it may be a shim in a private home),
// else /usr/bin/python3.
func findPython(ctx context.Context, given string, readable func(path string) bool) (*interpreter, error) {
	candidates := []string{given}
	failed := &InterpreterError{}
	if given == "" {
		candidates = nil
		if p, err := exec.LookPath("python3"); err == nil {
			candidates = append(candidates, p)
		} else {
			failed.Tried = append(failed.Tried, "python3 on PATH: not found")
		}
		candidates = append(candidates, "/usr/bin/python3", "/usr/local/bin/python3")
	}
	for i, c := range candidates {
		if slices.Contains(candidates[:i], c) {
			continue
		}
		py, reason := askPython(ctx, c)
		if reason == "" && !py.readable(readable) {
			reason = py.Executable + " or its library is not readable by the sandbox's user"
		}
		if reason == "" {
			return py, nil
		}
		failed.Tried = append(failed.Tried, c+": "+reason)
	}
	return nil, failed
}

func askPython(ctx context.Context, path string) (*interpreter, string) {
	if _, err := exec.LookPath(path); err != nil {
		return nil, "not found"
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-S", "-c", aboutPython)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		if i := strings.LastIndexByte(said, '\n'); i >= 0 {
			said = said[i+1:]
		}
		return nil, "does not run: " + err.Error() + " " + said
	}
	py := new(interpreter)
	if err := json.Unmarshal(out, py); err != nil || len(py.Version) < 2 {
		return nil, "is not a Python interpreter"
	}
	if py.Version[0] != 3 || py.Version[1] < 9 {
		return nil, "is older than Python 3.9"
	}
	if real, err := filepath.EvalSymlinks(py.Executable); err == nil {
		py.Executable = real
	}
	return py, ""
}

func (py *interpreter) readable(readable func(string) bool) bool {
	if !readable(py.Executable) {
		return false
	}
	for _, p := range py.Path {
		if _, err := os.Stat(p); err == nil && !readable(p) {
			return false
		}
	}
	return true
}

// readOnly returns the folders and files that a program must be able to read, with
// links made out, none inside another; and the links that lead to them.
func (py *interpreter) readOnly(more []string) (paths []string, links [][2]string) {
	want := slices.Concat(py.Path, more)
	for _, l := range py.Libraries {
		if strings.HasSuffix(l, ".so") || strings.Contains(l, ".so.") {
			want = append(want, filepath.Dir(l))
		}
	}
	want = append(want, "/etc/ld.so.cache", "/usr/share/zoneinfo")
	for _, p := range []string{"/lib", "/lib64", "/usr/lib64"} {
		if to, err := os.Readlink(p); err == nil {
			links = append(links, [2]string{p, to})
		}
	}
	var real []string
	for _, p := range want {
		if r, err := filepath.EvalSymlinks(p); err == nil && r != "/" {
			real = append(real, r)
		}
	}
	slices.Sort(real)
	for _, r := range real {
		inside := slices.ContainsFunc(paths, func(p string) bool { return r == p || strings.HasPrefix(r, p+"/") })
		if !inside {
			paths = append(paths, r)
		}
	}
	return paths, links
}
