package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// generics is a generic:// URL, understood by shoutrrr and sent by us: its own
// code sends with a client that cannot be replaced, to any host.
type generics struct {
	service *generic.Service
	header  http.Header
}

// newGeneric reads the URL. custom is true for generic+https://.
func newGeneric(u *url.URL, custom bool) (generics, error) {
	invalid := errors.New("the URL does not fit: see https://shoutrrr.nickfedor.com")
	g := generics{service: &generic.Service{}, header: http.Header{}}
	if custom {
		var err error
		if u, err = g.service.GetConfigURLFromCustom(u); err != nil {
			return g, invalid
		}
	}
	if err := g.service.Initialize(u, nil); err != nil || u.Host == "" {
		return g, invalid
	}
	switch g.service.Config.Template {
	case "", "json", generic.JSONTemplate:
	default:
		return g, errors.New("the template is json or none")
	}
	for key, values := range u.Query() {
		if len(key) > 1 && key[0] == generic.HeaderPrefixChar {
			g.header.Set(headerName(key[1:]), values[0])
		}
	}
	return g, nil
}

// headerName writes AccessToken as access-token.
func headerName(key string) string {
	var name []byte
	for i := 0; i < len(key); i++ {
		if c := key[i]; c >= 'A' && c <= 'Z' && i > 0 && key[i-1] != '-' {
			name = append(name, '-')
		}
		name = append(name, key[i])
	}
	return string(name)
}

func (g *Gateway) sendGeneric(ctx context.Context, m Message) error {
	u, err := url.Parse(g.o.URL)
	if err != nil {
		return Permanent(errors.New("the URL is not one"))
	}
	to, err := newGeneric(u, u.Scheme != g.name)
	if err != nil {
		return Permanent(err)
	}
	c := to.service.Config
	target := c.WebhookURL()
	if err := g.o.checkScheme(target.Scheme); err != nil {
		return Permanent(err)
	}
	title, text := g.content(m)
	if c.Template == "" {
		text = title + "\n" + text // a plain body has no place beside it
	}
	body, err := to.service.GetPayload(c, types.Params{c.TitleKey: title, c.MessageKey: text})
	if err != nil {
		return Permanent(errors.New("the payload cannot be made"))
	}
	req, err := http.NewRequestWithContext(ctx, c.RequestMethod, target.String(), body)
	if err != nil {
		return Permanent(errors.New("no request can be made of the URL"))
	}
	if req.Header = to.header; c.Template == "" {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		req.Header.Set("Content-Type", c.ContentType)
	}
	req.Header.Set("Idempotency-Key", `"`+token(m.Key)+`"`)
	res, err := g.o.client(g.o.Timeout).Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxReply)
	return judge(res.StatusCode, res.Header, g.o.Now(), unacceptable)
}
