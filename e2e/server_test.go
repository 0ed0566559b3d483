package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testlog"
)

// binary is the program under test, built once.
var binary string

// long asks for the fault tests at full length, as "make test-faults" does.
var long = flag.Bool("long", false, "run the fault tests at full length")

// rounds is how often to try: often where there is time.
func rounds(often, quick int) int {
	if *long {
		return often
	}
	return quick
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "gatehouse-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gatehouse")
	build := exec.Command("go", "build", "-o", binary, "github.com/fluxstudio/gatehouse/cmd/gatehouse")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build gatehouse:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// server is a running gatehouse.
type server struct {
	t      *testing.T
	dir    string // the data directory
	config string
	mu     sync.RWMutex // guards what follows, for requests while it starts anew
	url    string
	admin  string
	cmd    *exec.Cmd
	stdout testlog.Buffer
	stderr testlog.Buffer
	client *http.Client
}

// cheapHash keeps the tests from spending their time in Argon2id.
const cheapHash = "passwords: {memory_kib: 128, iterations: 1, wait: 20s}\nlogin_wait: 30s\n"

// proxied lets the tests say where a request comes from.
const proxied = "trusted_proxies: [127.0.0.1/32]\n"

// start runs a server with a configuration until the test ends.
func start(t *testing.T, config string) *server {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), "data"), config)
}

// startIn is start with a data directory of the test's choice.
func startIn(t *testing.T, data, config string) *server {
	t.Helper()
	s := &server{t: t, dir: data, config: filepath.Join(t.TempDir(), "gatehouse.yaml")}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 2 * time.Minute}
	s.run()
	t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server said:\n%s", s.stderr.String())
		}
	})
	return s
}

// run starts the process and waits until it says where it listens.
func (s *server) run() {
	s.t.Helper()
	s.cmd = exec.Command(binary, "serve", "--config", s.config, "--data", s.dir,
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	s.cmd.Env = append(os.Environ(), s.unlimited()...)
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url, s.admin = "", ""
	lines := bufio.NewScanner(out)
	for (s.url == "" || s.admin == "") && lines.Scan() {
		fmt.Fprintln(&s.stdout, lines.Text())
		fields := strings.Fields(lines.Text())
		for i, f := range fields {
			base, path, _ := strings.Cut(strings.TrimPrefix(f, "http://"), "/")
			switch {
			case i == 0 || !strings.HasPrefix(f, "http://"):
			case path == "healthz":
				s.admin = "http://" + base
			case path == "api/auth":
				s.url = "http://" + base
			}
		}
	}
	if s.url == "" || s.admin == "" {
		s.cmd.Wait()
		s.t.Fatalf("the server did not say where it listens: %s", s.stderr.String())
	}
	go func() {
		for lines.Scan() {
			fmt.Fprintln(&s.stdout, lines.Text())
		}
	}()
}

// unlimited switches rate limits off, since all the crowd of a test is at one
// address, unless the configuration is about them.
func (s *server) unlimited() []string {
	if text, err := os.ReadFile(s.config); err != nil || bytes.Contains(text, []byte("rate_limit:")) {
		return nil
	}
	return []string{"GATEHOUSE_RATE_LIMIT_PER_SECOND=0", "GATEHOUSE_RATE_LIMIT_PER_MINUTE=0"}
}

// address returns where the login server answers.
func (s *server) address() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.url
}

// stop ends the process with a signal and waits for it.
func (s *server) stop(sig syscall.Signal) {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Signal(sig)
		s.cmd.Wait()
		s.client.CloseIdleConnections()
	}
}

// call is a request as a client would make it.
type call struct {
	method, path string
	body         any
	from         string // client address, through the trusted proxy
	agent        string // default: a browser
	bearer       string
	header       http.Header
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func (s *server) do(c call) answer {
	s.t.Helper()
	a, err := s.try(context.Background(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *server) try(ctx context.Context, c call) (answer, error) {
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, s.address()+c.path, body)
	if err != nil {
		return answer{}, err
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.from != "" {
		req.Header.Set("X-Forwarded-For", c.from)
	}
	if c.agent == "" {
		c.agent = firefox
	}
	req.Header.Set("User-Agent", c.agent)
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

const password = "correct horse battery staple"

func credentials(email, password string) map[string]string {
	return map[string]string{"email": email, "password": password}
}

// signup makes an account from an address of its own.
func (s *server) signup(email string) {
	s.t.Helper()
	a := s.do(call{method: "POST", path: "/api/auth/signup", from: "203.0.113.250",
		body: map[string]string{"email": email, "password": password, "name": "Sample"}})
	if a.status != http.StatusCreated {
		s.t.Fatalf("signup of %s: %d %s", email, a.status, a.body)
	}
}

func (s *server) login(email, password, from string) answer {
	s.t.Helper()
	return s.do(loginCall(email, password, from))
}

func loginCall(email, password, from string) call {
	return call{method: "POST", path: "/api/auth/login", from: from, body: credentials(email, password)}
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (a answer) tokens(t *testing.T) tokens {
	t.Helper()
	var k tokens
	if err := json.Unmarshal([]byte(a.body), &k); err != nil || a.status != http.StatusOK || k.Access == "" {
		t.Fatalf("no tokens in %d %s", a.status, a.body)
	}
	return k
}

// command runs the binary beside the server.
func (s *server) command(args ...string) (out string, code int) {
	s.t.Helper()
	cmd := exec.Command(binary, append(args, "--config", s.config, "--data", s.dir)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() != 0 {
		return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
	}
	return stdout.String(), 0
}

// log returns the records that "gatehouse log" selects, newest first.
func (s *server) log(args ...string) []gatehouse.Record {
	s.t.Helper()
	out, code := s.command(append([]string{"log", "--json", "--limit", "0"}, args...)...)
	if code != 0 {
		s.t.Fatalf("gatehouse log: exit %d: %s", code, out)
	}
	var records []gatehouse.Record
	decoder := json.NewDecoder(strings.NewReader(out))
	for decoder.More() {
		var r gatehouse.Record
		if err := decoder.Decode(&r); err != nil {
			s.t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func (s *server) count(kind gatehouse.Kind, args ...string) int {
	s.t.Helper()
	return len(s.log(append([]string{"--type", string(kind)}, args...)...))
}
