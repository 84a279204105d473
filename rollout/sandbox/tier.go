package sandbox

import "fmt"

// Tier is how a local runner isolates programs.
type Tier int

// Tiers. AnyTier, the zero value of Config.Tier, is the best that works.
const (
	AnyTier    Tier = iota
	Namespaces      // namespaces, tmpfs root, seccomp, Landlock where the kernel has it, rlimits
	Landlock        // Landlock, seccomp, rlimits
	Insecure        // rlimits only
)

// String returns "any", "namespaces", "landlock" or "insecure".
func (t Tier) String() string {
	switch t {
	case AnyTier:
		return "any"
	case Namespaces:
		return "namespaces"
	case Landlock:
		return "landlock"
	case Insecure:
		return "insecure"
	}
	return fmt.Sprintf("Tier(%d)", int(t))
}

// Config is how a local runner is set up. The zero value is the recipe.
type Config struct {
	Limits   Limits   // default limits of every program
	Python   string   // interpreter; "": python3 on PATH, made out to the real one, else /usr/bin/python3
	Path     []string // further folders for sys.path, read-only inside (numpy lives in one); nil: none
	Preload  []string // further modules imported once, in the supervisor, so that a program's import of them is free
	Parallel int      // sessions admitted at once; 0: as many as there are cores and as Limits.Memory fits into the memory
	Warm     int      // sessions kept started ahead of demand; 0: Parallel; negative: none
	Tier     Tier     // 0: the best that works; otherwise this one or an error
	UID      int      // as root: the unprivileged user that programs run as; 0: 65534
	Insecure bool     // allow running WITHOUT isolation where no tier works: programs then have the rights of this process's user (of UID as root)
}
