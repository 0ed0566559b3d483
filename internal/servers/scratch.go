package servers

// Scratch is a directory for a program that this package does not know.
type Scratch struct {
	Dir  string
	home *home
}

// NewScratch makes a directory. When Remove is called, or this program ends,
// however that happens, what runs with its working directory in there is ended
// and the directory removed.
func NewScratch(name string) (*Scratch, error) {
	h, err := newHome(name, nil)
	if err != nil {
		return nil, err
	}
	return &Scratch{h.dir, h}, nil
}

// Remove ends what still runs in the directory, and removes it.
func (s *Scratch) Remove() error { return s.home.remove() }
