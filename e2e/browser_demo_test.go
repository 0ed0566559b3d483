package e2e_test

import (
	"bufio"
	"flag"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// screenshots is where "make screenshots" wants pictures of the pages.
var screenshots = flag.String("screenshots", "", "write a picture of each page, light and dark, to this folder")

var (
	demoDashboard = regexp.MustCompile(`dashboard +(http://\S+) \(sign in as (\S+) with the password (\S+)\)`)
	demoLogin     = regexp.MustCompile(`login server +(http://[^/\s]+)/`)
)

// demo is a demo after its day, with its operator at the dashboard.
type demo struct {
	admin, login string
	page         *browser.Page
}

func startDemo(t *testing.T) *demo {
	t.Helper()
	cmd := exec.Command(binary, "demo", "--pause", "0s", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "The server goes on") {
		said.WriteString(lines.Text() + "\n")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() { // what goes on
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		cmd.Wait()
	})
	at, login := demoDashboard.FindStringSubmatch(said.String()), demoLogin.FindStringSubmatch(said.String())
	if at == nil || login == nil {
		t.Fatalf("the demo tells no credentials:\n%s", said.String())
	}
	d := &demo{admin: at[1], login: login[1]}
	d.page = browser.Open(t, d.admin, d.login)
	d.page.Go(d.admin + "/login")
	d.page.Fill(browser.Field("E-mail address"), at[2])
	d.page.Fill(browser.Field("Password"), at[3])
	d.page.Follow(func() { d.page.Click(browser.Button("Sign in")) })
	return d
}

// places are the pages of the demo, by what their pictures are called. Those of a
// finding and of a person are found as a reader finds them, by following links.
func (d *demo) places(t *testing.T) map[string]string {
	t.Helper()
	p := d.page
	all := map[string]string{}
	for _, path := range navigation(p) {
		name := strings.Trim(path, "/")
		if name == "" {
			name = "overview"
		}
		all[name] = path
	}
	p.Go(d.admin + "/")
	for name, link := range map[string]string{
		"finding": `.feed-item[data-rule="account_takeover"] a[href^="/findings/"]`,
		"user":    `.feed-item[data-rule="account_takeover"] a[href^="/users/"]`,
	} {
		all[name] = browser.Eval[string](p, `document.querySelector(`+"`"+link+"`"+`)?.getAttribute("href") ?? ""`)
		if all[name] == "" {
			t.Errorf("no link to a %s on the overview", name)
			delete(all, name)
		}
	}
	return all
}

// Whoever tries the demo finds every page full of the day. With -screenshots each
// is photographed.
func TestBrowserDemo(t *testing.T) {
	d := startDemo(t)
	p := d.page
	for name, path := range d.places(t) {
		if status := p.Go(d.admin + path); status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
		p.Quiet()
		if *screenshots == "" {
			continue
		}
		for scheme, dark := range map[string]bool{"light": false, "dark": true} {
			p.Dark(dark)
			for _, width := range []int{1280, 360} {
				p.Size(width, 900)
				p.Go(d.admin + path)
				file := name + "-" + scheme
				if width < 600 {
					file += "-phone"
				}
				p.Save(filepath.Join(*screenshots, file+".png"), 2400)
			}
		}
		p.Size(1280, 900)
	}
}
