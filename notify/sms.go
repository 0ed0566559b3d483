package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// SMSOptions say which service sends text messages: Twilio, or one that speaks
// its API. AccountSID, AuthToken and From are required.
type SMSOptions struct {
	URL        string // default: https://api.twilio.com
	AccountSID string
	AuthToken  string
	From       string // a number (+491234567), a sender name, or a messaging service (MG...)
	To         string // a number, for messages that name nobody; may be empty
	// MaxParts bounds the length of a text, and so what it costs: 153 GSM
	// characters or 67 others a part. Default 2.
	MaxParts int
	Timeout  time.Duration // of one attempt; default 10 s
	Reach
	Now func() time.Time // default: time.Now
}

// SMS sends text messages. It is safe for concurrent use.
type SMS struct {
	o        SMSOptions
	endpoint string
	host     string
	client   *http.Client
}

var _ Notifier = (*SMS)(nil)

var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // E.164

// NewSMS checks the options; it connects to nothing.
func NewSMS(o SMSOptions) (*SMS, error) {
	if o.URL == "" {
		o.URL = "https://api.twilio.com"
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("sms: the URL is not one: use https://host")
	}
	if err := o.checkScheme(u.Scheme); err != nil {
		return nil, fmt.Errorf("sms: %w", err)
	}
	switch {
	case o.AccountSID == "" || o.AuthToken == "" || o.From == "":
		return nil, errors.New("sms: account, token and sender are needed")
	case o.To != "" && !phone.MatchString(o.To):
		return nil, errors.New("sms: the receiver must be a number like +491234567")
	}
	if o.MaxParts <= 0 {
		o.MaxParts = 2
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &SMS{o: o, host: u.Host, client: o.client(o.Timeout),
		endpoint: u.JoinPath("2010-04-01", "Accounts", url.PathEscape(o.AccountSID), "Messages.json").String()}, nil
}

// String names the service, without what may be secret.
func (s *SMS) String() string { return "sms " + s.host }

// Send sends m as one text. An answer of 4xx that is about the message or its
// receiver is ErrPermanent.
func (s *SMS) Send(ctx context.Context, m Message) error {
	if err := s.send(ctx, m); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

func (s *SMS) send(ctx context.Context, m Message) error {
	to := firstOf(m.To, s.o.To)
	if err := m.check(); err != nil {
		return err
	}
	if !phone.MatchString(to) {
		return Permanent(errors.New("the receiver is not a number like +491234567"))
	}
	form := url.Values{"To": {to}, "Body": {m.smsText(s.o.MaxParts)}}
	if strings.HasPrefix(s.o.From, "MG") {
		form.Set("MessagingServiceSid", s.o.From)
	} else {
		form.Set("From", s.o.From)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return Permanent(errors.New("no request can be made of the URL"))
	}
	req.SetBasicAuth(s.o.AccountSID, s.o.AuthToken)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Idempotency-Key", `"`+token(m.Key)+`"`)
	res, err := s.client.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	err = judge(res.StatusCode, res.Header, s.o.Now(), unacceptable)
	if err == nil {
		return nil
	}
	// The service's own code says what the status does not. Its words may
	// repeat a number or a token and are left out.
	var reason struct {
		Code int `json:"code"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, maxReply)).Decode(&reason) == nil && reason.Code > 0 {
		err = fmt.Errorf("code %d: %w", reason.Code, err)
	}
	return err
}

// smsText writes as much of m as fits: the subject, links whole or not at all,
// the text, then facts.
func (m Message) smsText(parts int) string {
	m = m.clean()
	text := m.Subject
	switch m.Kind {
	case Opened:
		text = strings.ToUpper(m.Severity.String()) + ": " + text
	case Test:
		text = "TEST: " + text
	}
	for smsParts(text) > parts {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	rows := make([]string, 0, len(m.Links)+len(m.Facts)+1)
	for _, l := range m.Links {
		rows = append(rows, l.Label+": "+l.URL)
	}
	if m.Text != m.Title {
		rows = append(rows, m.Text)
	}
	for _, f := range m.Facts {
		rows = append(rows, f.Name+": "+f.Value)
	}
	for _, row := range rows {
		if longer := text + "\n" + row; row != "" && smsParts(longer) <= parts {
			text = longer
		}
	}
	return text
}

// The GSM 7-bit alphabet and its extension, whose characters count twice
// (3GPP TS 23.038).
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmTwice = "^{}\\[~]|€"
)

// smsParts returns how many parts a text is sent as.
func smsParts(s string) int {
	units, wide := 0, 0
	gsm := true
	for _, r := range s {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			units++
		case strings.ContainsRune(gsmTwice, r):
			units += 2
		default:
			gsm = false
		}
		if wide++; r > 0xffff {
			wide++
		}
	}
	one, more := 160, 153
	if !gsm {
		units, one, more = wide, 70, 67
	}
	if units <= one {
		return 1
	}
	return (units + more - 1) / more
}
