package chain

import "crypto/ed25519"

// Gap says that the records at the places From to To of a node's chain were
// removed for their age. It holds the hashes at both of its edges, so that what is
// behind it still follows on from what is before it. What the records said cannot
// be told any more; that they were there, and that none was put in their place, can.
type Gap struct {
	Node      string
	From, To  int64
	Prev      Hash   // at From-1; zero where From is 1
	Hash      Hash   // at To
	Signature []byte // Ed25519; see Signed
}

func (g Gap) message() []byte {
	b := append([]byte("gatehouse-log-gap-1"), g.Prev[:]...)
	b = append(b, g.Hash[:]...)
	return appendField(appendField(appendField(b, g.Node), g.From), g.To)
}

// Signed returns the gap with its signature. Only who has seen the records, each
// following on from the one before it, from Prev to Hash, is to sign.
func (g Gap) Signed(key ed25519.PrivateKey) Gap {
	g.Signature = ed25519.Sign(key, g.message())
	return g
}

// SignedBy reports whether the signature is that of the key.
func (g Gap) SignedBy(key ed25519.PublicKey) bool {
	return len(g.Signature) == ed25519.SignatureSize && ed25519.Verify(key, g.message(), g.Signature)
}
