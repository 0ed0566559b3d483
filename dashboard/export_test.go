package dashboard

// Mark is what the cookie of a session that began here ends with.
func (s *Server) Mark(cookie string) string { return "." + s.mark(cookie) }
