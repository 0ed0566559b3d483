package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/agent"
)

func ExampleJudge_Judge() {
	judge := agent.New()
	fmt.Printf("%+v\n", judge.Judge("curl/8.5.0"))
	fmt.Printf("%+v\n", judge.Judge("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"))
	// Output:
	// {Suspicious:true Pattern:curl Category:script}
	// {Suspicious:false Pattern: Category:}
}

func ExampleDeviceName() {
	fmt.Println(agent.DeviceName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"))
	fmt.Println(agent.DeviceName("curl/8.5.0"))
	fmt.Println(agent.DeviceName(""))
	// Output:
	// Safari on iPhone
	// curl
	// Unknown device
}

func TestPeopleAreNotSuspicious(t *testing.T) {
	judge := agent.New()
	for _, h := range humans {
		if got := judge.Judge(h.agent); got != (agent.Judgement{}) {
			t.Errorf("%s is taken for %+v", h.agent, got)
		}
		name := agent.DeviceName(h.agent)
		if h.device != "" && name != h.device {
			t.Errorf("%s is named %q, want %q", h.agent, name, h.device)
		}
	}
}

func TestMachinesAreSuspicious(t *testing.T) {
	judge := agent.New()
	for _, tt := range []struct{ agent, pattern, category string }{
		{"", "no user agent", agent.Missing},
		{" \t", "no user agent", agent.Missing},
		{"-", "no user agent", agent.Missing},
		{"1.0", "no user agent", agent.Missing},
		{"curl/8.5.0", "curl", agent.Script},
		{"CURL/8.5.0", "curl", agent.Script},
		{"Wget/1.21.4", "Wget", agent.Script},
		{"python-requests/2.31.0", "python-requests", agent.Script},
		{"Python-urllib/3.11", "Python urllib", agent.Script},
		{"Python/3.11 aiohttp/3.9.1", "aiohttp", agent.Script},
		{"python-httpx/0.27.0", "Python httpx", agent.Script},
		{"Go-http-client/2.0", "Go-http-client", agent.Script},
		{"Java/17.0.9", "Java", agent.Script},
		{"Apache-HttpClient/4.5.14 (Java/17.0.9)", "Apache-HttpClient", agent.Script},
		{"libwww-perl/6.67", "libwww-perl", agent.Script},
		{"Scrapy/2.11.0 (+https://scrapy.org)", "Scrapy", agent.Script},
		{"axios/1.6.2", "axios", agent.Script},
		{"node", "Node.js", agent.Script},
		{"PostmanRuntime/7.36.0", "Postman", agent.Script},
		{"Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621", "PowerShell", agent.Script},
		{"Mozilla/5.0", "bare Mozilla", agent.Script},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36", "HeadlessChrome", agent.Headless},
		{"Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1", "PhantomJS", agent.Headless},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Playwright/1.40", "Playwright", agent.Headless},
		{"selenium/4.16.0 (python linux)", "Selenium", agent.Headless},
		{"gobuster/3.6", "gobuster", agent.Scanner},
		{"Fuzz Faster U Fool v2.1.0", "ffuf", agent.Scanner},
		{"Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "ProjectDiscovery", agent.Scanner},
		{"Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", "Nmap", agent.Scanner},
		{"Mozilla/4.0 (Hydra)", "Hydra", agent.Scanner},
		{"sqlmap/1.7.11#stable (https://sqlmap.org)", "sqlmap", agent.Scanner},
		{"Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)", "Nikto", agent.Scanner},
		{"masscan/1.3 (https://github.com/robertdavidgraham/masscan)", "masscan", agent.Scanner},
		{"Mozilla/5.0 zgrab/0.x", "ZGrab", agent.Scanner},
		{"Wfuzz/3.1.0", "Wfuzz", agent.Scanner},
		{"DirBuster-1.0-RC1", "DirBuster", agent.Scanner},
		{"feroxbuster/2.10.1", "feroxbuster", agent.Scanner},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", agent.Crawler},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot", agent.Crawler},
		{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit", agent.Crawler},
		{"Mozilla/5.0 (compatible; Yeti/1.1; +http://naver.me/spd)", "", agent.Crawler},
		{"Mozilla/5.0 (compatible; um-LN/1.0; x)", "um-LN", agent.Crawler},
		{"Slurp/3.0", "Slurp", agent.Crawler},
		{"Mozilla/5.0 (compatible; NobodyKnowsMe/0.1; +https://example.com/about)", "crawler", agent.Crawler},
		{strings.Repeat("x", gatehouse.MaxText-6) + "sqlmap", "sqlmap", agent.Scanner},
	} {
		got := judge.Judge(tt.agent)
		if !got.Suspicious || got.Category != tt.category || tt.pattern != "" && !strings.EqualFold(got.Pattern, tt.pattern) {
			t.Errorf("%q: %+v, want %s %s", tt.agent, got, tt.category, tt.pattern)
		}
	}
}

func TestTextBeyondTheLimitIsNotRead(t *testing.T) {
	if got := agent.New().Judge("Mozilla/5.0 " + strings.Repeat("x", gatehouse.MaxText) + "sqlmap"); got.Suspicious {
		t.Errorf("%+v", got)
	}
}

func TestDeviceName(t *testing.T) {
	for in, want := range map[string]string{
		"":                       agent.UnknownDevice,
		"???":                    agent.UnknownDevice,
		"12345":                  agent.UnknownDevice,
		"curl/8.5.0":             "curl",
		"python-requests/2.31.0": "python-requests",
		"MyApp/1.2.3":            "MyApp",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)": "Browser on Windows",
	} {
		if got := agent.DeviceName(in); got != want {
			t.Errorf("DeviceName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAnUpdateDoesNotMakeANewDevice(t *testing.T) {
	const form = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"
	if a, b := agent.DeviceName(fmt.Sprintf(form, 131)), agent.DeviceName(fmt.Sprintf(form, 132)); a != b {
		t.Errorf("%q, %q", a, b)
	}
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	judge := agent.New()
	for _, ua := range []string{humans[0].agent, "curl/8.5.0", ""} {
		if n := testing.AllocsPerRun(100, func() { judge.Judge(ua) }); n != 0 {
			t.Errorf("%q: %v allocations", ua, n)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, h := range humans[:8] {
		f.Add(h.agent)
	}
	f.Add("Mozilla/5.0 (compatible; Googlebot/2.1)")
	judge := agent.New()
	f.Fuzz(func(t *testing.T, ua string) {
		got := judge.Judge(ua)
		if got.Suspicious != (got.Pattern != "") || got.Suspicious != (got.Category != "") {
			t.Errorf("%q: %+v", ua, got)
		}
		if len(ua) <= gatehouse.MaxText-10 && !judge.Judge("sqlmap/1.7 "+ua).Suspicious {
			t.Errorf("text after the name hides it: %q", ua)
		}
		if utf8.ValidString(ua) && len(ua) <= gatehouse.MaxText-10 && !judge.Judge(ua+" gobuster/").Suspicious && len(ua)+10 <= gatehouse.MaxText {
			t.Errorf("text before the name hides it: %q", ua)
		}
	})
}

func FuzzDeviceName(f *testing.F) {
	for _, h := range humans {
		f.Add(h.agent)
	}
	f.Add("\x1b[31m(;/)\r\nX: y")
	f.Fuzz(func(t *testing.T, ua string) {
		name := agent.DeviceName(ua)
		if name == "" || len(name) > 80 || !utf8.ValidString(name) || gatehouse.CleanText(name, 80) != name {
			t.Fatalf("%q is named %q", ua, name)
		}
		for _, r := range name {
			if !unicode.IsLetter(r) && !strings.ContainsRune(" .-_+", r) {
				t.Fatalf("%q is named %q", ua, name)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	judge := agent.New()
	for _, tt := range []struct{ name, agent string }{
		{"Chrome", humans[0].agent},
		{"in-app browser", humans[38].agent},
		{"curl", "curl/8.5.0"},
		{"Googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
		{"512 bytes of x", strings.Repeat("x", 1<<20)},
		{"512 bytes of bots", strings.Repeat("bot/", 128)},
		{"512 bytes of ordinary words", strings.Repeat("mozilla/5.0 (compatible; ", 30)},
		{"512 bytes of one known gram", strings.Repeat("adl", 200)},
		{"512 bytes of names", strings.Repeat("crawler spider bot monitor google feed ", 20)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				judge.Judge(tt.agent)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		agent.New()
	}
}

func BenchmarkDeviceName(b *testing.B) {
	for _, tt := range []struct{ name, agent string }{
		{"Chrome", humans[0].agent},
		{"1 MiB of tokens", strings.Repeat("a/1 ", 1<<18)},
		{"1 MiB of brackets", strings.Repeat("(;", 1<<19)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				agent.DeviceName(tt.agent)
			}
		})
	}
}
