// Package chain makes a log tamper-evident. Each record of a node carries the
// hash of the one before it, and the head of the chain is signed whenever it
// moves, so that a record that was altered, removed, inserted or moved is
// found, the last one included. Records that were removed for their age leave a
// signed beginning, or a signed Gap.
//
// Whoever can both write to the log and read the signing key can make a new
// chain, and whoever can write to the log can put an older copy in its place.
// Keep a head elsewhere, as backups or another system's log do, to
// find that as well: see Verifier.Expect.
package chain

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hash stands for a record and all that came before it.
type Hash [sha256.Size]byte

// Next returns the hash of the record at place seq of a node's chain, the first
// being at 1, which follows on prev. The fields are those that the record is
// stored as: nil, string, int64 or []byte. Others, which only somebody else can
// have put into a database, are taken by their type and text.
func Next(prev Hash, node string, seq int64, fields []any) Hash {
	b := make([]byte, 0, 1024)
	b = append(b, "gatehouse-log-1"...)
	b = append(b, prev[:]...)
	b = appendField(b, node)
	b = appendField(b, seq)
	for _, f := range fields {
		b = appendField(b, f)
	}
	return sha256.Sum256(b)
}

// appendField writes a value so that no two lists of values look the same.
func appendField(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'n')
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
	case string:
		return append(binary.BigEndian.AppendUint32(append(b, 's'), uint32(len(v))), v...)
	case []byte:
		return append(binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(v))), v...)
	}
	text := fmt.Sprintf("%T %v", v, v)
	return append(binary.BigEndian.AppendUint32(append(b, 'x'), uint32(len(text))), text...)
}

// Head is how far a node's chain has come.
type Head struct {
	Node      string
	Seq       int64 // of the last record; 0 before the first
	Hash      Hash
	Begins    bool   // the log begins behind it: what was before was removed for its age
	Signature []byte // Ed25519; see Signed
}

func (h Head) message() []byte {
	what := "gatehouse-log-head-1"
	if h.Begins { // or any end that was signed once would do for a beginning
		what = "gatehouse-log-beginning-1"
	}
	b := append([]byte(what), h.Hash[:]...)
	return appendField(appendField(b, h.Node), h.Seq)
}

// Signed returns the head with its signature.
func (h Head) Signed(key ed25519.PrivateKey) Head {
	h.Signature = ed25519.Sign(key, h.message())
	return h
}

// SignedBy reports whether the signature is that of the key.
func (h Head) SignedBy(key ed25519.PublicKey) bool {
	return len(h.Signature) == ed25519.SignatureSize && ed25519.Verify(key, h.message(), h.Signature)
}

// Equal reports whether two heads are the same, with their signatures.
func (h Head) Equal(o Head) bool {
	return h.Node == o.Node && h.Seq == o.Seq && h.Hash == o.Hash && h.Begins == o.Begins && bytes.Equal(h.Signature, o.Signature)
}

// String writes a head on one line, to be kept elsewhere: node, place and hash.
func (h Head) String() string { return fmt.Sprintf("%s:%d:%x", h.Node, h.Seq, h.Hash) }

// ParseHead reads what String writes. It has no signature.
func ParseHead(s string) (Head, error) {
	malformed := fmt.Errorf("%q is no head of a log: it is written NODE:PLACE:HASH, as gatehouse log verify prints it", s)
	node, rest, ok := cutLast(s)
	if !ok {
		return Head{}, malformed
	}
	node, place, ok := cutLast(node)
	if !ok {
		return Head{}, malformed
	}
	h := Head{Node: node}
	sum, err := hex.DecodeString(rest)
	if err != nil || copy(h.Hash[:], sum) != len(h.Hash) || len(sum) != len(h.Hash) {
		return Head{}, malformed
	}
	if h.Seq, err = strconv.ParseInt(place, 10, 64); err != nil || h.Seq < 0 {
		return Head{}, malformed
	}
	return h, nil
}

// cutLast cuts at the last colon.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}
