package atropos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reference starts the reference server and returns its URL.
func reference(t testing.TB) string {
	t.Helper()
	python := os.Getenv("GROUPRL_ATROPOS_PYTHON")
	required := strings.Contains(os.Getenv("GROUPRL_REQUIRE"), "atropos")
	if python == "" {
		if required {
			t.Fatal("GROUPRL_REQUIRE names atropos, but GROUPRL_ATROPOS_PYTHON does not name a Python that has atroposlib 0.4.0")
		}
		t.Skip("GROUPRL_ATROPOS_PYTHON does not name a Python that has atroposlib 0.4.0; its recorded answers are tested all the same")
	}
	var log bytes.Buffer
	for range 3 { // the port may be taken between the two calls
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := l.Addr().String()
		l.Close()
		_, port, _ := net.SplitHostPort(address)
		log.Reset()
		cmd := exec.Command(python, "-m", "uvicorn", "atroposlib.api.server:app", "--host", "127.0.0.1", "--port", port, "--log-level", "warning")
		cmd.Stdout, cmd.Stderr = &log, &log
		cmd.Dir = t.TempDir()
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		stop := func() {
			cmd.Process.Kill()
			<-ended
		}
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
			if a, err := http.Get("http://" + address + "/"); err == nil {
				a.Body.Close()
				t.Cleanup(stop)
				return "http://" + address
			}
			select {
			case err := <-ended:
				ended <- err
				deadline = time.Now()
			case <-time.After(20 * time.Millisecond):
			}
		}
		stop()
	}
	t.Fatalf("the reference server does not start:\n%s", log.String())
	return ""
}

// The reference server still answers as it was recorded.
func TestReferenceServer(t *testing.T) {
	record := os.Getenv("GROUPRL_ATROPOS_RECORD") != ""
	all := map[string][]answered{}
	if !record {
		all = recorded(t)
	}
	shared := ""
	for i, s := range scenarios {
		if testing.Short() && i%4 != 0 && !record {
			continue
		}
		// A server takes a second to start, and a reset leaves little behind.
		url := shared
		switch first := s.steps[0].request; {
		case record || !strings.HasPrefix(first, "POST /register {\"wandb"):
			url = reference(t)
		case shared == "":
			shared = reference(t)
			url = shared
		default:
			a, err := http.Get(shared + "/reset_data")
			require.NoError(t, err)
			a.Body.Close()
		}
		answers := s.run(t, url)
		if record {
			all[s.name] = answers
			continue
		}
		require.Len(t, all[s.name], len(answers), s.name)
		for k := range answers {
			same(t, all[s.name][k], answers[k], s.name)
		}
	}
	if record {
		b, err := json.MarshalIndent(all, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(recording, append(b, '\n'), 0o644))
	}
}

// Server answers as the reference server does, word for word, but where a step says
// why not; with the journal and without.
func TestServerAnswersAsReference(t *testing.T) {
	all := recorded(t)
	require.Len(t, all, len(scenarios), "record again")
	for _, s := range scenarios {
		for _, dir := range []string{"", t.TempDir()} {
			t.Run(fmt.Sprint(s.name, dir != ""), func(t *testing.T) {
				server, err := NewServer(Options{Dir: dir})
				require.NoError(t, err)
				defer server.Close()
				h := httptest.NewServer(server)
				defer h.Close()
				answers := s.run(t, h.URL)
				require.Len(t, all[s.name], len(answers), "record again")
				for k, got := range answers {
					want := all[s.name][k]
					require.Equal(t, want.Request, got.Request, "record again")
					if st := s.steps[k]; st.why != "" {
						if st.ours == "" {
							require.Equal(t, st.code, got.Code)
							continue
						}
						want.Code, want.Reply = st.code, json.RawMessage(st.ours)
					}
					same(t, want, got, s.name)
				}
			})
		}
	}
}
