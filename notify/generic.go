package notify

import (
	"context"
	"errors"
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

// newGeneric reads a generic:// or generic+https:// URL.
func newGeneric(u *url.URL) (generics, error) {
	g := generics{service: &generic.Service{}, header: http.Header{}}
	if u.Scheme != generic.Scheme {
		var err error
		if u, err = g.service.GetConfigURLFromCustom(u); err != nil {
			return g, errInvalidURL
		}
	}
	if err := g.service.Initialize(u, nil); err != nil || u.Host == "" {
		return g, errInvalidURL
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

func (g *Gateway) genericRequest(ctx context.Context, u *url.URL, m Message) (*http.Request, error) {
	to, err := newGeneric(u)
	if err != nil {
		return nil, err
	}
	c := to.service.Config
	title, text := g.content(m)
	if c.Template == "" {
		text = title + "\n" + text // a plain body has no place beside it
	}
	body, err := to.service.GetPayload(c, types.Params{c.TitleKey: title, c.MessageKey: text})
	if err != nil {
		return nil, errors.New("the payload cannot be made")
	}
	req, err := http.NewRequestWithContext(ctx, c.RequestMethod, c.WebhookURL().String(), body)
	if err != nil {
		return nil, errInvalidURL
	}
	if req.Header = to.header; c.Template == "" {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		req.Header.Set("Content-Type", c.ContentType)
	}
	return req, nil
}
