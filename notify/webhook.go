package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// WebhookOptions say where to post and how to sign. URL and Secret are required.
type WebhookOptions struct {
	URL string
	// Secret signs: "whsec_" and the base64 of 24 to 64 bytes.
	Secret string
	// OldSecret signs as well, while the receiver changes over.
	OldSecret string
	Timeout   time.Duration // of one attempt; default 10 s
	Reach
	Now func() time.Time // default: time.Now
}

// Webhook posts messages as JSON, signed after the Standard Webhooks
// specification (https://www.standardwebhooks.com). It is safe for concurrent
// use.
type Webhook struct {
	url    *url.URL
	keys   [][]byte
	client *http.Client
	now    func() time.Time
}

var _ Notifier = (*Webhook)(nil)

// NewWebhook checks the options; it connects to nothing.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("webhook: the URL is not one: use https://host/path") // err would show it
	}
	if err := o.checkScheme(u.Scheme); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Webhook{url: u, client: o.client(o.Timeout), now: o.Now}
	for _, s := range nonEmpty(o.Secret, o.OldSecret) {
		key, err := parseSecret(s)
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
		w.keys = append(w.keys, key)
	}
	if o.Secret == "" {
		return nil, errors.New("webhook: no secret: make one with: echo whsec_$(openssl rand -base64 32)")
	}
	return w, nil
}

// String names the receiver, without what may be secret.
func (w *Webhook) String() string { return "webhook " + w.url.Host }

func parseSecret(s string) ([]byte, error) {
	const shortest, longest = 24, 64
	rest, ok := strings.CutPrefix(s, "whsec_")
	key, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(key) < shortest || len(key) > longest {
		return nil, errors.New("the secret must be whsec_ and the base64 of 24 to 64 bytes")
	}
	return key, nil
}

// payload is what is posted.
type payload struct {
	Type      Kind      `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      data      `json:"data"`
}

type data struct {
	Key      string             `json:"key"`
	Thread   string             `json:"thread,omitempty"`
	Event    gatehouse.Kind     `json:"event,omitempty"`
	Severity gatehouse.Severity `json:"severity"`
	Subject  string             `json:"subject"`
	Title    string             `json:"title"`
	Text     string             `json:"text"`
	Facts    []Fact             `json:"facts"`
	Links    []Link             `json:"links"`
}

// Send posts m. An answer of 410, and an address that may not be reached, are
// ErrPermanent. Redirects are not followed.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	if err := w.send(ctx, m); err != nil {
		return fmt.Errorf("%s: %w", w, err)
	}
	return nil
}

func (w *Webhook) send(ctx context.Context, m Message) error {
	if err := m.checkShared(); err != nil {
		return err
	}
	now := w.now()
	req, err := w.request(ctx, m, now)
	if err != nil {
		return Permanent(err)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	res.Body.Close() // the connection ends with it, so nothing is read
	return judge(res.StatusCode, res.Header, now, gone)
}

func (w *Webhook) request(ctx context.Context, m Message, now time.Time) (*http.Request, error) {
	clean := m.cleanWith(gatehouse.CleanText)
	if clean.Time.IsZero() {
		clean.Time = now
	}
	content, err := json.Marshal(payload{Type: m.Kind, Timestamp: clean.Time.UTC(), Data: data{
		Key: token(m.Key), Thread: gatehouse.CleanText(m.Thread, maxName), Event: clean.Event, Severity: clean.Severity,
		Subject: clean.Subject, Title: clean.Title, Text: clean.Text, Facts: clean.Facts, Links: clean.Links,
	}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(content))
	if err != nil {
		return nil, errors.New("no request can be made of the URL")
	}
	id, at := token(m.Key), strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "gatehouse")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", w.sign(id+"."+at+".", content))
	return req, nil
}

// sign returns a signature for each secret.
func (w *Webhook) sign(head string, content []byte) string {
	var list []string
	for _, key := range w.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(head))
		mac.Write(content)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(list, " ")
}
