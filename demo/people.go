package demo

import "time"

// person is one of those who belong here.
type person struct {
	name, email, password string
	home                  string   // address
	first                 *browser // on which they sign up
	second                *browser // nil, or another device of theirs
	visits                []visit  // in the order of the day
}

// visit is a time at which somebody is logged in.
type visit struct {
	at     time.Duration // after the beginning of the day
	on     *browser
	from   string        // address
	stay   time.Duration // with refreshes at the pace of an ordinary application
	slips  int           // mistyped passwords before the right one
	logout bool          // at the end
}

// browser is a device with what it keeps: the cookie by which it is known again
// and the tokens of the last login.
type browser struct {
	agent   string
	cookies map[string]string
	tokens  tokens
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// copied is what somebody has who copied all that a browser keeps.
func (b *browser) copied() *browser {
	c := newBrowser(b.agent)
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	c.tokens = b.tokens
	return c
}

func newBrowser(agent string) *browser {
	return &browser{agent: agent, cookies: make(map[string]string)}
}

// What browsers say of themselves.
const (
	firefoxLinux   = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	firefoxWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	firefoxMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0"
	chromeWindows  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	chromeMac      = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	chromeAndroid  = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36"
	edgeWindows    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0"
	safariMac      = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
	safariPhone    = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	safariPad      = "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
