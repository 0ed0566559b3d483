package strictyaml

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Value is a place in a document. Its methods that read report what does not
// fit to the document, and say then that they have nothing.
type Value struct {
	doc  *Document
	node ast.Node
	path string
}

// Path returns the way to the value, such as brute_force.respond[1].
func (v Value) Path() string { return v.path }

// Position returns where the value is, as file:line:column.
func (v Value) Position() string {
	e := v.doc.atToken(first(v.node), "")
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
}

// Present reports whether there is anything.
func (v Value) Present() bool { return v.node != nil }

// Errorf reports a mistake at the value.
func (v Value) Errorf(format string, args ...any) { v.report(first(v.node), format, args...) }

func (v Value) report(at *token.Token, format string, args ...any) {
	e := v.doc.atToken(at, format, args...)
	e.Key = v.path
	v.doc.errs = append(v.doc.errs, e)
}

// Field is a key of a mapping with its value.
type Field struct {
	Key string
	Value
	key *token.Token
}

// Unknown reports that the key is none of the allowed ones. kind says what it
// should have been: "key", "rule".
func (f Field) Unknown(kind string, allowed []string) {
	f.report(f.key, "unknown %s%s allowed: %s", kind, DidYouMean(f.Key, allowed), strings.Join(allowed, ", "))
}

// KeyErrorf reports a mistake at the key.
func (f Field) KeyErrorf(format string, args ...any) { f.report(f.key, format, args...) }

// Fields returns the keys of a mapping in their order, or reports that it is
// none. like is an example of what belongs there. Keys that stand there twice
// are reported and given once.
func (v Value) Fields(like string) []Field {
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		v.Errorf("%s is not a mapping: write keys with values, such as %s", v.describe(), like)
		return nil
	}
	var fields []Field
	lines := make(map[string]int)
	for _, pair := range pairs {
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			v.report(first(pair.Key), "%q is not a key: use plain words; anchors, merge keys and complex keys are not allowed", Shown(pair.Key.GetToken().Value))
			continue
		}
		f := Field{Key: name.Value, Value: Value{doc: v.doc, node: pair.Value, path: join(v.path, name.Value)}, key: name.GetToken()}
		if before, twice := lines[f.Key]; twice {
			f.KeyErrorf("is given twice: it stands in line %d already", before)
			continue
		}
		lines[f.Key] = f.key.Position.Line
		fields = append(fields, f)
	}
	return fields
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)

func join(path, key string) string {
	key = Shown(key)
	if !plainKey.MatchString(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Items returns the values of a list, or reports that it is none.
func (v Value) Items(like string) []Value {
	list, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.Errorf("%s is not a list: write one, such as %s", v.describe(), like)
		return nil
	}
	items := make([]Value, len(list.Values))
	for i, n := range list.Values {
		items[i] = Value{doc: v.doc, node: n, path: fmt.Sprintf("%s[%d]", v.path, i)}
	}
	return items
}

// IsMapping reports whether the value is a mapping.
func (v Value) IsMapping() bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// IsList reports whether the value is a list.
func (v Value) IsList() bool {
	_, ok := v.node.(*ast.SequenceNode)
	return ok
}

// Text returns a scalar as it is written, quotes taken off, and whether it was
// quoted. allowed says what belongs there.
func (v Value) Text(allowed string) (text string, quoted, ok bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		switch n.GetToken().Type {
		case token.SingleQuoteType, token.DoubleQuoteType:
			quoted = true
		}
		return n.Value, quoted, true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.node.GetToken().Value, false, true
	}
	v.Errorf("%s is not allowed: %s", v.describe(), allowed)
	return "", false, false
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

// Int returns a whole number from low to high, or reports that it is none.
func (v Value) Int(low, high int) (int, bool) {
	allowed := fmt.Sprintf("use a whole number from %d to %d", low, high)
	text, quoted, ok := v.Text(allowed)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if quoted || err != nil || !decimal.MatchString(text) || n < low || n > high {
		v.Errorf("%s is not allowed: %s", v.describe(), allowed)
		return 0, false
	}
	return n, true
}

// Float returns a number from low to high, or reports that it is none.
func (v Value) Float(low, high float64) (float64, bool) {
	allowed := fmt.Sprintf("use a number from %g to %g", low, high)
	text, quoted, ok := v.Text(allowed)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if quoted || err != nil || !(n >= low && n <= high) {
		v.Errorf("%s is not allowed: %s", v.describe(), allowed)
		return 0, false
	}
	return n, true
}

// Bool returns true or false, or reports that it is neither.
func (v Value) Bool() (is, ok bool) {
	const allowed = "use true or false"
	text, quoted, ok := v.Text(allowed)
	if ok && !quoted && (text == "true" || text == "false") {
		return text == "true", true
	}
	if ok {
		v.Errorf("%s is not allowed: %s", v.describe(), allowed)
	}
	return false, false
}

// Duration returns a duration from low to high, or reports that it is none.
func (v Value) Duration(low, high time.Duration) (time.Duration, bool) {
	allowed := fmt.Sprintf("use a duration from %s to %s, such as 90s, 5m or 1h30m", FormatDuration(low), FormatDuration(high))
	text, _, ok := v.Text(allowed)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		v.Errorf("%s is not allowed: %s", v.describe(), allowed)
		return 0, false
	}
	return d, true
}

// describe names the value in an error.
func (v Value) describe() string {
	switch n := v.node.(type) {
	case nil:
		return "nothing"
	case *ast.NullNode:
		return "an empty value"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias"
	case *ast.TagNode:
		return "a tag"
	case *ast.StringNode:
		return strconv.Quote(Shown(n.Value))
	case *ast.LiteralNode:
		return strconv.Quote(Shown(n.Value.Value))
	}
	return Shown(v.node.GetToken().Value)
}
