package accounts

import "context"

// Enter takes a turn of the hasher, as a password that is being hashed has it.
func (h *Hasher) Enter(ctx context.Context) error { return h.enter(ctx) }

// Leave gives the turn back.
func (h *Hasher) Leave() { h.leave() }

// ReparseHash reads a stored hash and writes it again.
func ReparseHash(s string) (string, error) {
	h, err := parseHash(s)
	return h.String(), err
}

// CreateKeys is what LoadOrCreateKeys does when it found no file.
func CreateKeys(dir, path string) error { return createKeys(dir, path) }

// SessionCookie makes the cookie of a session.
func (s *Service) SessionCookie(id string) string { return s.sessionCookie(id) }

// OpenSessionCookie reads what SessionCookie makes.
func (s *Service) OpenSessionCookie(cookie string) (id string, ok bool) {
	return s.openSessionCookie(cookie)
}
