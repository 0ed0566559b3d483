package notify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"net/mail"
	text "text/template"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/fluxstudio/gatehouse"
)

//go:embed templates/mail.txt templates/mail.html
var templates embed.FS

var (
	mailText = text.Must(text.New("mail.txt").Funcs(text.FuncMap{"pad": pad}).ParseFS(templates, "templates/mail.txt"))
	mailHTML = html.Must(html.ParseFS(templates, "templates/mail.html"))
)

// page is what the templates show.
type page struct {
	Message
	Tag    string // above the title
	Colour string // of the tag
	When   string
	Foot   string
	ID     string
	Width  int // of the longest name of a fact
}

var tagColours = map[gatehouse.Severity]string{
	gatehouse.Info: "#3b6ea5", gatehouse.Warning: "#9a6700", gatehouse.High: "#c2410c", gatehouse.Critical: "#b42318",
}

func newPage(m Message) page {
	const widest = 24
	p := page{Message: m.clean(), When: when(m.Time), ID: token(m.Key), Width: len("When")}
	p.Tag, p.Colour = p.Severity.String(), tagColours[p.Severity]
	p.Foot = "Sent by Gatehouse, which watches over this login page."
	switch m.Kind {
	case Resolved:
		p.Tag, p.Colour = "resolved", "#1a7f4b"
	case Notice:
		p.Tag, p.Colour = "your account", "#3b6ea5"
		p.Foot = "You get this mail because it is about your account. Nobody will ever ask you for your password by mail."
	case Test:
		p.Tag, p.Colour = "test", "#3b6ea5"
	}
	for _, f := range p.Facts {
		p.Width = min(widest, max(p.Width, utf8.RuneCountInString(f.Name)))
	}
	return p
}

func pad(width int, s string) string { return fmt.Sprintf("%-*s", width, s) }

// compose writes the mail. Its only headers are those set here.
func (s *Mail) compose(m Message) (*gomail.Msg, error) {
	to := s.to
	if m.To != "" {
		parsed, err := mail.ParseAddress(m.To)
		if err != nil {
			return nil, errors.New("the receiver's address is not a mailbox")
		}
		to = &mail.Address{Address: parsed.Address} // a name beside it is the sender's say
	}
	if to == nil {
		return nil, errors.New("no receiver")
	}
	p := newPage(m)
	var plain, rich bytes.Buffer
	if err := mailText.Execute(&plain, p); err != nil {
		return nil, err
	}
	if err := mailHTML.Execute(&rich, p); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(to)
	msg.Subject(p.Subject)
	msg.SetDateWithValue(s.o.Now())
	msg.SetMessageIDWithValue(p.ID + "@" + s.domain)
	if m.Thread != "" {
		msg.SetGenHeaderPreformatted(gomail.HeaderReferences, "<"+token(m.Thread)+"@"+s.domain+">")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, plain.String())
	msg.AddAlternativeString(gomail.TypeTextHTML, rich.String())
	return msg, nil
}
