package iplist

import (
	"bytes"
	"time"
)

// plain reads one entry a line.
func (d *reader) plain() error {
	for line := range bytes.Lines(d.data) {
		if i := bytes.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := d.add(string(line), "", time.Time{}); err != nil {
				return err
			}
		}
		d.line++
	}
	return nil
}
