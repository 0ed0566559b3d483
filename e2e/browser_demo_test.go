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

// photograph takes pictures of a page where they are wanted: in all looks, each of the
// page as it is loaded with it.
func photograph(p *browser.Page, name string) {
	if *screenshots == "" {
		return
	}
	url := p.URL()
	for _, look := range browser.Looks() {
		p.Wear(look)
		p.Go(url)
		file := name + "-light"
		if look.Dark {
			file = name + "-dark"
		}
		if look.Width < 600 {
			file += "-phone"
		}
		p.Save(filepath.Join(*screenshots, file+".png"), 2400)
	}
	p.Wear(browser.Look{Width: 1280})
}

// demoDashboard is what the demo says about where its dashboard is, and who may use
// it.
var demoDashboard = regexp.MustCompile(`dashboard +(http://\S+)\s+sign in as (\S+) with the password (\S+)`)

// demo is the dashboard of a demo after its day.
type demo struct {
	url      string
	operator [2]string // e-mail address and password
}

func startDemo(t *testing.T) demo {
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
	m := demoDashboard.FindStringSubmatch(said.String())
	if m == nil {
		t.Fatalf("the demo does not tell who may use its dashboard:\n%s", said.String())
	}
	return demo{url: m[1], operator: [2]string{m[2], m[3]}}
}

// enter signs somebody in at a form that is open.
func enter(p *browser.Page, who [2]string) {
	p.Fill(browser.Field("E-mail address"), who[0])
	p.Fill(browser.Field("Password"), who[1])
	p.Follow(func() { p.Click(browser.Button("Sign in")) })
}

// pages are the pages of the dashboard, by what their pictures are called. Those of
// a finding and of a person are found as a reader finds them, by following links.
func (d demo) pages(t *testing.T, p *browser.Page) map[string]string {
	t.Helper()
	all := map[string]string{"blocks-past": "/blocks/past", "blocks-allowed": "/blocks/allowed"}
	for _, path := range navigation(p) {
		all[strings.Trim(path, "/")] = path
	}
	all["overview"] = all[""]
	delete(all, "")
	for name, link := range map[string]string{
		"finding": `.feed-item[data-rule=account_takeover] a[href^="/findings/"]`,
		"user":    `.feed-item[data-rule=account_takeover] a[href^="/users/"]`,
	} {
		all[name] = browser.Eval[string](p, "document.querySelector(`"+link+"`)?.getAttribute(`href`) ?? ``")
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
	p := browser.Open(t, d.url)
	p.Go(d.url)
	photograph(p, "login")
	enter(p, d.operator)
	for name, path := range d.pages(t, p) {
		if status := p.Go(d.url + path); status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
		p.Quiet()
		photograph(p, name)
	}
}
