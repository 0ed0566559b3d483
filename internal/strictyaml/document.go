package strictyaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/fluxstudio/gatehouse"
)

// MaxSize is how many bytes a document may have.
const MaxSize = 1 << 20

// MaxTokens is how many words and signs a document may have: the parser takes
// time that grows with their square, half a second for so many.
const MaxTokens = 30_000

// The parser works recursively, so what makes it go deeper is bounded first.
const (
	maxFlowDepth  = 32  // brackets in brackets
	maxIndent     = 128 // columns before the first word of a line
	maxIndicators = 16  // "- - -", "? ? ?" and the like on one line
	maxErrors     = 20
	maxShown      = 60 // bytes of a value that an error repeats
	byteOrderMark = "\ufeff"
)

// Error is one mistake in a document.
type Error struct {
	File         string
	Line, Column int    // from 1
	Key          string // the path to the setting, such as brute_force.window; may be empty
	Reason       string
}

// Error returns "file:line:column: key: reason".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Key != "" {
		s += e.Key + ": "
	}
	return s + e.Reason
}

// Document is a YAML document and the errors found in it so far.
type Document struct {
	name string
	root ast.Node // nil when there is nothing in it
	errs []*Error
}

// Parse reads data; name stands for it in errors. The error is a *Error.
func Parse(name string, data []byte) (*Document, error) {
	d := &Document{name: gatehouse.CleanText(name, gatehouse.MaxText)}
	if len(data) > MaxSize {
		return nil, d.at(1, 1, "has %d bytes: at most %d are read", len(data), MaxSize)
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if i := invalid(data); i >= 0 {
		line := 1 + bytes.Count(data[:i], []byte("\n"))
		column := 1 + utf8.RuneCount(data[bytes.LastIndexByte(data[:i], '\n')+1:i])
		return nil, d.at(line, column, "byte %#02x is not allowed: use UTF-8 text without control characters", data[i])
	}
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > MaxTokens {
		return nil, d.atToken(tokens[MaxTokens], "too long: at most %d words and signs are read", MaxTokens)
	}
	if err := d.checkDepth(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, d.syntaxError(err)
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
			return nil, d.atToken(doc.Body.GetToken(), "directives are not used here")
		case d.root != nil:
			return nil, d.atToken(first(doc.Body), "a second document begins here: only one is allowed")
		default:
			d.root = doc.Body
		}
	}
	return d, nil
}

// Root returns the value that the whole document is. It is not present when the
// document is empty.
func (d *Document) Root() Value { return Value{doc: d, node: d.root} }

// Err returns the errors that were found, joined in the order of the document,
// each a *Error; nil if there are none. Of very many only the first are shown.
func (d *Document) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []error
	for _, e := range d.errs[:min(len(d.errs), maxErrors)] {
		all = append(all, e)
	}
	if more := len(d.errs) - maxErrors; more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more errors", d.name, more))
	}
	return errors.Join(all...)
}

func (d *Document) at(line, column int, format string, args ...any) *Error {
	return &Error{File: d.name, Line: line, Column: column, Reason: fmt.Sprintf(format, args...)}
}

func (d *Document) atToken(t *token.Token, format string, args ...any) *Error {
	line, column := 1, 1
	if t != nil && t.Position != nil {
		line, column = t.Position.Line, t.Position.Column
	}
	return d.at(line, column, format, args...)
}

func (d *Document) syntaxError(err error) error {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return d.at(1, 1, "not YAML: %s", Shown(err.Error()))
	}
	reason := syntax.Message
	if strings.Contains(reason, `'\t'`) || strings.Contains(reason, "'\t'") {
		reason = "a tab is not allowed here: indent with spaces"
	}
	return d.atToken(syntax.Token, "not YAML: %s", gatehouse.CleanText(reason, gatehouse.MaxText))
}

// checkDepth refuses what would make the parser go too deep.
func (d *Document) checkDepth(tokens token.Tokens) error {
	flow, line, indicators := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, indicators = t.Position.Line, 0
			if flow == 0 && t.Position.Column > maxIndent {
				return d.atToken(t, "indented too far: at most %d columns are allowed", maxIndent)
			}
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.TagType, token.AnchorType, token.AliasType:
			if flow == 0 {
				indicators++
			}
		}
		if flow > maxFlowDepth || indicators > maxIndicators {
			return d.atToken(t, "nested too deeply")
		}
	}
	return nil
}

// invalid returns the index of the first byte that is no text, or -1.
func invalid(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

// first returns the token at which a node begins; that of a mapping is its
// first colon.
func first(n ast.Node) *token.Token {
	if n == nil {
		return nil
	}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return first(m.Values[0].Key)
	}
	return n.GetToken()
}

// Shown makes a piece of a document fit to be repeated in an error.
func Shown(s string) string { return gatehouse.CleanText(s, maxShown) }

// ReadAll reads a document from r, and no more than shows that it is too large.
func ReadAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxSize+1)) }
