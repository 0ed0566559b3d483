package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// File appends lines to a file. It holds the file open and looks before each
// line whether the path still leads to it: when it was renamed or removed, as
// log rotation does, a new file is made. A file that was cut short in place
// ("copytruncate") is simply appended to; what is written between such a copy
// and the cut is lost by the one who copies, so move files rather.
//
// Each line is one write, so that lines are never mixed with those of others
// who append. A line that was cut off by a full disk or a crash is ended before
// the next one.
type File struct {
	path   string
	file   *os.File
	info   fs.FileInfo // of file
	torn   bool        // file does not end with a newline
	buf    []byte
	reopen atomic.Bool
}

// NewFile opens a file for appending, and creates it, readable and writable by
// its owner only, if there is none. Its directory must exist.
func NewFile(path string) (*File, error) {
	f := &File{path: path}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return f, nil
}

// Reopen makes the next line open the file anew. It is safe for concurrent use
// with Write.
func (f *File) Reopen() { f.reopen.Store(true) }

// Write appends a line.
func (f *File) Write(_ context.Context, l Line) error {
	if f.reopen.Swap(false) || f.moved() {
		if err := f.open(); err != nil {
			f.reopen.Store(true)
			return err
		}
	}
	f.buf = f.buf[:0]
	if f.torn {
		f.buf = append(f.buf, '\n')
	}
	f.buf = append(append(f.buf, l.Text...), '\n')
	n, err := f.file.Write(f.buf)
	if n > 0 {
		f.torn = f.buf[n-1] != '\n'
	}
	return err
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// moved reports whether the path leads elsewhere than to the open file.
func (f *File) moved() bool {
	if f.file == nil {
		return true
	}
	info, err := os.Stat(f.path)
	return err != nil || !os.SameFile(info, f.info)
}

// open opens the path and lets go of the file that was open, unless it fails.
func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New(f.path + " is a directory")
	}
	if err != nil {
		file.Close()
		return err
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.info, f.torn = file, info, false
	if size := info.Size(); info.Mode().IsRegular() && size > 0 {
		var last [1]byte
		if _, err := file.ReadAt(last[:], size-1); err == nil || errors.Is(err, io.EOF) {
			f.torn = last[0] != '\n'
		}
	}
	return nil
}
