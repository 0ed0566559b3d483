package app

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// AlertsConfig says who is told of findings. Without routes nobody is, but for a
// line in the process's log.
type AlertsConfig struct {
	Channels map[string]ChannelConfig
	Routes   []alerting.Route
}

// ChannelConfig is one receiver of alerts. Which fields it has depends on its type.
type ChannelConfig struct {
	Type      string // mail, webhook, gateway or sms
	To        string // mail: address; sms: number
	URL       string // of a webhook, a gateway or an SMS service
	Secret    string // of a webhook
	OldSecret string
	Account   string // of an SMS service
	Token     string
	From      string
	// Files are where URL, Secret, OldSecret and Token were read from, by key.
	Files      map[string]string
	Allow      []netip.Prefix // networks that may be reached although they are not public
	AllowHosts []string
	AllowHTTP  bool
}

// The types of channels.
const (
	channelMail    = "mail"
	channelWebhook = "webhook"
	channelGateway = "gateway"
	channelSMS     = "sms"
)

var channelTypes = []string{channelMail, channelWebhook, channelGateway, channelSMS}

// channelText is a text in a channel's settings. A secret one may stand in a file
// of its own, named by the key with _file.
type channelText struct {
	key    string
	types  []string
	secret bool
	field  func(*ChannelConfig) *string
}

func channelTexts() []channelText {
	return []channelText{
		{"to", []string{channelMail, channelSMS}, false, func(c *ChannelConfig) *string { return &c.To }},
		{"url", []string{channelWebhook, channelGateway, channelSMS}, true, func(c *ChannelConfig) *string { return &c.URL }},
		{"secret", []string{channelWebhook}, true, func(c *ChannelConfig) *string { return &c.Secret }},
		{"old_secret", []string{channelWebhook}, true, func(c *ChannelConfig) *string { return &c.OldSecret }},
		{"account", []string{channelSMS}, false, func(c *ChannelConfig) *string { return &c.Account }},
		{"token", []string{channelSMS}, true, func(c *ChannelConfig) *string { return &c.Token }},
		{"from", []string{channelSMS}, false, func(c *ChannelConfig) *string { return &c.From }},
	}
}

// channelKeys lists what a channel of a type may have.
func channelKeys(kind string) []string {
	keys := []string{"type"}
	for _, t := range channelTexts() {
		if slices.Contains(t.types, kind) {
			if keys = append(keys, t.key); t.secret {
				keys = append(keys, t.key+"_file")
			}
		}
	}
	if kind != channelMail {
		keys = append(keys, "allow", "allow_hosts", "allow_http")
	}
	return keys
}

// notifier makes what delivers on the channel.
func (c ChannelConfig) notifier(server MailConfig) (notify.Notifier, error) {
	reach := notify.Reach{Allow: c.Allow, AllowHosts: c.AllowHosts, AllowHTTP: c.AllowHTTP}
	switch c.Type {
	case channelMail:
		if server.Host == "" {
			return nil, errors.New("a channel of type mail needs mail.host")
		}
		o := server.options()
		o.To = c.To
		return notify.NewMail(o)
	case channelWebhook:
		return notify.NewWebhook(notify.WebhookOptions{URL: c.URL, Secret: c.Secret, OldSecret: c.OldSecret, Reach: reach})
	case channelGateway:
		return notify.NewGateway(notify.GatewayOptions{URL: c.URL, Reach: reach})
	case channelSMS:
		return notify.NewSMS(notify.SMSOptions{URL: c.URL, AccountSID: c.Account, AuthToken: c.Token, From: c.From, To: c.To, Reach: reach})
	}
	return nil, fmt.Errorf("unknown type %q", c.Type)
}

const (
	alertsLike   = "channels: {ops: {type: mail, to: ops@example.com}}"
	channelsLike = "ops: {type: mail, to: ops@example.com}"
	channelLike  = "{type: mail, to: ops@example.com}"
	textAllowed  = "use a text"
	maxSecret    = 64 << 10 // bytes of a file with a secret
)

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// alerts reads the section of that name.
func (l *loader) alerts(v strictyaml.Value) {
	var routes strictyaml.Value
	for _, f := range v.Fields(alertsLike) {
		switch f.Key {
		case "channels":
			l.channels(f.Value)
		case "routes":
			routes = f.Value
		default:
			f.Unknown("key", []string{"channels", "routes"})
		}
	}
	if routes.Present() {
		l.config.Alerts.Routes = decodeRoutes(routes, l.config.Alerts.Channels)
	}
}

func (l *loader) channels(v strictyaml.Value) {
	channels := make(map[string]ChannelConfig)
	for _, f := range v.Fields(channelsLike) {
		switch {
		case !channelName.MatchString(f.Key):
			f.KeyErrorf("is not a name: use at most 32 small letters, digits, - and _")
			continue
		case f.Key == outbox.Mail:
			f.KeyErrorf("is taken: it is the channel of messages to account holders; use another name")
			continue
		}
		c, ok := decodeChannel(f.Value)
		channels[f.Key] = c
		if ok && c.Type == channelMail {
			l.origin["alerts.channels."+f.Key] = f.Position() + ": " + f.Path() // judged with mail.host
		}
	}
	l.config.Alerts.Channels = channels
}

// decodeChannel reads one channel and reports whether it is sound, as far as can
// be told without the mail server's settings.
func decodeChannel(v strictyaml.Value) (c ChannelConfig, ok bool) {
	fields := v.Fields(channelLike)
	i := slices.IndexFunc(fields, func(f strictyaml.Field) bool { return f.Key == "type" })
	if i < 0 {
		if v.IsMapping() {
			v.Errorf("has no type: use %s", strings.Join(channelTypes, ", "))
		}
		return c, false
	}
	kind, _, is := fields[i].Text("use " + strings.Join(channelTypes, ", "))
	if !is {
		return c, false
	}
	if !slices.Contains(channelTypes, kind) {
		fields[i].Errorf("%q is not allowed%s use %s", strictyaml.Shown(kind), strictyaml.DidYouMean(kind, channelTypes), strings.Join(channelTypes, ", "))
		return c, false
	}
	c.Type, ok = kind, true
	for _, f := range fields {
		switch {
		case f.Key == "type":
		case !slices.Contains(channelKeys(kind), f.Key):
			f.Unknown("key of a channel of type "+kind, channelKeys(kind))
			ok = false
		default:
			ok = c.read(f) && ok
		}
	}
	switch {
	case !ok:
	case kind == channelMail:
		if _, err := mail.ParseAddress(c.To); err != nil {
			v.Errorf("needs to, the mail address of who is alerted")
			ok = false
		}
	case kind == channelSMS && c.To == "":
		v.Errorf("needs to, the number of who is alerted, such as +491234567")
		ok = false
	default:
		if _, err := c.notifier(MailConfig{}); err != nil {
			v.Errorf("%v", err)
			ok = false
		}
	}
	return c, ok
}

// read reads one key, which the channel's type may have.
func (c *ChannelConfig) read(f strictyaml.Field) (ok bool) {
	switch f.Key {
	case "allow":
		for _, item := range f.Items("[10.20.0.0/16]") {
			const allowed = "use a network such as 10.20.0.0/16"
			text, _, is := item.Text(allowed)
			if !is {
				return false
			}
			p, err := netip.ParsePrefix(text)
			if err != nil || p != p.Masked() {
				item.Errorf("%q is not allowed: %s", strictyaml.Shown(text), allowed)
				return false
			}
			c.Allow = append(c.Allow, p)
		}
		return f.IsList()
	case "allow_hosts":
		c.AllowHosts, ok = decodeWords(f.Value, "[hooks.internal.example.com]", nil)
		return ok
	case "allow_http":
		c.AllowHTTP, ok = f.Bool()
		return ok
	}
	text, _, ok := f.Text(textAllowed)
	if !ok {
		return false
	}
	name, inFile := strings.CutSuffix(f.Key, "_file")
	i := slices.IndexFunc(channelTexts(), func(t channelText) bool { return t.key == name })
	field := channelTexts()[i].field(c)
	switch {
	case *field != "":
		f.KeyErrorf("is given twice, here and in a file: use one of %s and %s_file", name, name)
		return false
	case inFile:
		secret, err := readSecret(text)
		if err != nil {
			f.Errorf("%v", err)
			return false
		}
		if c.Files == nil {
			c.Files = make(map[string]string)
		}
		c.Files[name] = text
		text = secret
	case text == masked:
		f.Errorf("the value is not allowed: it stands for a secret that was not shown")
		return false
	}
	*field = text
	return true
}

// readSecret returns what stands in a file, without the space around it.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	switch text := strings.TrimSpace(string(b)); {
	case err != nil:
		return "", err
	case text == "" || len(b) > maxSecret:
		return "", fmt.Errorf("%s: has no secret in it", path)
	default:
		return text, nil
	}
}

// decodeWords reads a list of texts, which must be among the allowed ones unless
// these are nil.
func decodeWords(v strictyaml.Value, like string, allowed []string) (list []string, ok bool) {
	ok = v.IsList()
	for _, item := range v.Items(like) {
		text, _, is := item.Text(textAllowed)
		if is && allowed != nil && !slices.Contains(allowed, text) {
			item.Errorf("unknown name %q%s use %s", strictyaml.Shown(text), strictyaml.DidYouMean(text, allowed), strings.Join(allowed, ", "))
			is = false
		}
		if ok = ok && is; is {
			list = append(list, text)
		}
	}
	return list, ok
}

// mailChannels checks the channels that need the mail server.
func (l *loader) mailChannels() {
	for name, c := range l.config.Alerts.Channels {
		where := l.origin["alerts.channels."+name]
		if where == "" || c.Type != channelMail || l.config.Mail.Host != "" && l.config.Mail.From == "" {
			continue // told already
		}
		if _, err := c.notifier(l.config.Mail); err != nil && l.config.Mail.Host == "" {
			l.errs = append(l.errs, fmt.Errorf("%s: %w", where, err))
		}
	}
}
