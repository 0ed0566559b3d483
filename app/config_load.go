package app

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/rules"
)

const envPrefix = "GATEHOUSE_"

// Sources are where settings come from. Each overrides the ones before it:
// the defaults, the file, the environment, the flags.
type Sources struct {
	File    string        // path of a YAML file; empty: none
	Environ []string      // as os.Environ returns it
	Flags   func(*Config) // sets what the command line gave; may be nil
}

// Load returns the settings in force. Mistakes are all reported at once, each
// with the file, line and column or the variable, the key, and what is allowed.
// A file that cannot be read is a *fs.PathError. With an error the Config is
// Default().
func Load(from Sources) (Config, error) {
	l := loader{config: Default(), settings: settings(), origin: make(map[string]string)}
	if err := l.file(from.File); err != nil {
		return Default(), err
	}
	l.environment(from.Environ)
	l.flags(from.Flags)
	l.rules()
	l.together()
	if l.doc != nil {
		l.errs = slices.Insert(l.errs, 0, l.doc.Err())
	}
	if err := errors.Join(l.errs...); err != nil {
		return Default(), err
	}
	return l.config, nil
}

// loader is a Config on its way.
type loader struct {
	config   Config
	settings []setting
	origin   map[string]string // key -> where its value comes from
	doc      *strictyaml.Document
	inline   strictyaml.Value // rules:
	errs     []error          // all but those of doc
}

func (l *loader) file(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := strictyaml.ReadAll(f)
	if err != nil {
		return err
	}
	if l.doc, err = strictyaml.Parse(path, data); err != nil {
		return err
	}
	if root := l.doc.Root(); root.Present() {
		l.mapping(root, "listen: 127.0.0.1:8080")
	}
	return nil
}

// mapping reads the keys of v, which is the whole file or one of its sections.
func (l *loader) mapping(v strictyaml.Value, like string) {
	for _, f := range v.Fields(like) {
		i := slices.IndexFunc(l.settings, func(s setting) bool { return s.key == f.Path() })
		switch {
		case strings.Contains(f.Key, "."):
			f.Unknown("key", l.under(prefixOf(v))) // log.level: is not log: {level: }
		case i >= 0:
			l.value(l.settings[i], f.Value)
		case f.Path() == "rules":
			l.inline = f.Value
		case f.Path() == "geoip.networks":
			l.config.GeoIP.Networks = decodeNetworks(f.Value)
		case f.Path() == "alerts":
			l.alerts(f.Value)
		default:
			if like := l.example(f.Path() + "."); like != "" {
				l.mapping(f.Value, like)
			} else {
				f.Unknown("key", l.under(prefixOf(v)))
			}
		}
	}
}

// prefixOf returns what the keys in v begin with.
func prefixOf(v strictyaml.Value) string {
	if v.Path() == "" {
		return ""
	}
	return v.Path() + "."
}

// example returns a key that begins with prefix, with its default.
func (l *loader) example(prefix string) string {
	defaults := Default()
	for _, s := range l.settings {
		if rest, ok := strings.CutPrefix(s.key, prefix); ok {
			return rest + ": " + s.written(&defaults)
		}
	}
	return ""
}

// under returns the next parts of the keys that begin with prefix.
func (l *loader) under(prefix string) []string {
	var names []string
	add := func(key string) {
		rest, ok := strings.CutPrefix(key, prefix)
		name, _, _ := strings.Cut(rest, ".")
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range l.settings {
		add(s.key)
	}
	add("rules")
	add("geoip.networks")
	add("alerts")
	return names
}

func (l *loader) value(s setting, v strictyaml.Value) {
	text, ok := "", true
	if s.list {
		text, ok = listText(s, v)
	} else {
		var quoted bool
		text, quoted, ok = v.Text(s.allowed)
		if ok && quoted && s.plain {
			v.Errorf("%q is quoted: %s, without quotes", strictyaml.Shown(text), s.allowed)
			return
		}
	}
	if !ok {
		return
	}
	if err := s.read(&l.config, text); err != nil {
		v.Errorf("%v", err)
		return
	}
	l.origin[s.key] = v.Position() + ": " + s.key
}

// listText reads the items of a list one by one, so that each mistake is told
// where it is, and returns them as the environment would have them.
func listText(s setting, v strictyaml.Value) (text string, ok bool) {
	ok = v.IsList()
	var texts []string
	for _, item := range v.Items("[192.0.2.1, 2001:db8::/32]") {
		text, _, is := item.Text(s.allowed)
		if is && (strings.Contains(text, ",") || s.set(&Config{}, text) != nil) {
			item.Errorf("%q is not allowed: %s", strictyaml.Shown(text), s.allowed)
			is = false
		}
		texts, ok = append(texts, text), ok && is
	}
	return strings.Join(texts, ","), ok
}

func (l *loader) environment(environ []string) {
	names := make([]string, len(l.settings))
	for i, s := range l.settings {
		names[i] = s.variable()
	}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if i := slices.IndexFunc(l.settings, func(s setting) bool { return s.alias == name && name != "" }); i >= 0 {
			if slices.ContainsFunc(environ, func(pair string) bool { return strings.HasPrefix(pair, names[i]+"=") }) {
				continue // its own name wins
			}
			name = names[i]
		}
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		i := slices.Index(names, name)
		if i < 0 {
			// Others may share the prefix, for example those that Kubernetes
			// sets for a service of this name; a slip of the pen is told.
			if near := strictyaml.Misspelt(name, names); near != "" {
				l.errs = append(l.errs, fmt.Errorf("%s: unknown variable; did you mean %s?", strictyaml.Shown(name), near))
			}
			continue
		}
		if err := l.settings[i].read(&l.config, text); err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		l.origin[l.settings[i].key] = name
	}
}

// flags lets set change the settings, and checks what it changed.
func (l *loader) flags(set func(*Config)) {
	if set == nil {
		return
	}
	before := l.config
	set(&l.config)
	for _, s := range l.settings {
		text := s.get(&l.config)
		if text == s.get(&before) {
			continue
		}
		if err := s.read(&l.config, text); err != nil {
			l.errs = append(l.errs, fmt.Errorf("command line: %s: %w", s.key, err))
			continue
		}
		l.origin[s.key] = "command line: " + s.key
	}
}

// rules reads the rules file over the defaults, and the rules of the
// configuration over both.
func (l *loader) rules() {
	set := l.config.Rules
	if path := l.config.RulesFile; path != "" {
		var err error
		if set, err = rules.ParseFile(path, set); err != nil {
			l.errs = append(l.errs, err)
		}
	}
	if l.inline.Present() {
		set = rules.Decode(l.inline, set)
	}
	l.config.Rules = set
}

// together checks what settings must be to each other.
func (l *loader) together() {
	l.mail()
	l.mailChannels()
	l.keepLog()
	if l.config.Listen == l.config.AdminListen && !strings.HasSuffix(l.config.Listen, ":0") {
		l.errs = append(l.errs, fmt.Errorf("%s: listen and admin_listen are both %s: use another port for one of them",
			l.where("admin_listen", "listen"), l.config.Listen))
	}
	if t := l.config.Tokens; t.RefreshTTL < t.AccessTTL {
		l.errs = append(l.errs, fmt.Errorf("%s: %s is shorter than tokens.access_ttl, %s: a session outlives its access tokens",
			l.where("tokens.refresh_ttl", "tokens.access_ttl"), strictyaml.FormatDuration(t.RefreshTTL), strictyaml.FormatDuration(t.AccessTTL)))
	}
}

// where returns the origin of the first of keys that has one.
func (l *loader) where(keys ...string) string {
	for _, key := range keys {
		if o := l.origin[key]; o != "" {
			return o
		}
	}
	return keys[0]
}
