package redis

import (
	"encoding/binary"

	"github.com/fluxstudio/gatehouse"
)

// expect says where news about a request is to go.
func (w *Windows) expect(id uint64, granted chan gatehouse.Tally) {
	w.mu.Lock()
	w.waiting[id] = granted
	w.mu.Unlock()
}

func (w *Windows) unexpect(id uint64) {
	w.mu.Lock()
	delete(w.waiting, id)
	w.mu.Unlock()
}

// hear passes on what the scripts have published: pairs of ID and tally. Over
// means that there is no place to be had any more.
func (w *Windows) hear(news string) {
	text := []byte(news)
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; len(text) >= newsBytes; text = text[newsBytes:] {
		id := binary.BigEndian.Uint64(text)
		select {
		case w.waiting[id] <- tallyOf(int64(binary.BigEndian.Uint64(text[8:]))):
		default: // it has left, or has been told before
		}
	}
}
