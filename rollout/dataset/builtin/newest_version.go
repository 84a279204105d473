package builtin

import "fmt"

func newestVersion(s *suite) {
	type version struct {
		a, b, c int
		trial   string
	}
	add := func(versions ...version) {
		tags := make([]string, len(versions))
		var newest any
		best := -1
		for i, v := range versions {
			tags[i] = fmt.Sprintf("v%d.%d.%d%s", v.a, v.b, v.c, v.trial)
			rank := (v.a*1000+v.b)*1000 + v.c // no number reaches 1000
			if v.trial == "" && rank > best {
				best, newest = rank, tags[i]
			}
		}
		s.call(newest, tags)
	}
	add(version{1, 9, 0, ""}, version{1, 10, 2, ""}, version{2, 0, 0, "-rc1"})
	add()
	add(version{1, 0, 0, "-beta"})
	add(version{0, 0, 0, ""})
	add(version{3, 2, 11, ""}, version{3, 2, 9, ""}, version{3, 2, 10, ""})
	add(version{10, 0, 0, ""}, version{9, 99, 99, ""})
	for _, n := range []int{6, 50} {
		versions := make([]version, n)
		for i := range versions {
			versions[i] = version{s.between(1, 12), s.between(0, 120), s.between(0, 15), ""}
			if i%3 == 0 {
				versions[i].trial = "-" + s.letters(3, "abc")
			}
		}
		add(versions...)
	}
}
