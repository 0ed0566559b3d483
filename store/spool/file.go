package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// disk is what is used of an *os.File.
type disk interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// The header: the format with its version, and a mark, which says up to where
// entries have been handed over.
const (
	family     = "gatehouse-spool "
	magic      = family + "1\n"
	markLength = 16 + 1 + 8 + 1
	headerSize = int64(len(magic) + markLength)
)

func formatMark(pos int64) []byte {
	text := fmt.Sprintf("%016x", pos)
	return fmt.Appendf(nil, "%s %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

func parseMark(b []byte) (int64, bool) {
	if len(b) != markLength {
		return 0, false
	}
	pos, err := strconv.ParseInt(string(b[:16]), 16, 64)
	return pos, err == nil && string(formatMark(pos)) == string(b)
}

// writeMark notes that entries before pos have been handed over.
func writeMark(d disk, pos int64) error {
	_, err := d.WriteAt(formatMark(pos), int64(len(magic)))
	return err
}

// openFile opens the file for this process alone, and makes it when there is
// none.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	size, err := prepare(f, path)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

func prepare(f *os.File, path string) (int64, error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 0, fmt.Errorf("%s is in use by another process: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file", path)
	}
	if err := f.Chmod(0o600); err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// begin empties a file and writes its header.
func begin(d disk) error {
	if err := d.Truncate(0); err != nil {
		return err
	}
	return writeHeader(d)
}

func writeHeader(d disk) error {
	if _, err := d.WriteAt(append([]byte(magic), formatMark(headerSize)...), 0); err != nil {
		return err
	}
	return d.Sync()
}

// layout returns where the entries of a file begin that have not been handed
// over, or a reason why they must be looked for from the beginning.
func layout(d disk, size int64) (pos int64, note, err error) {
	head := make([]byte, min(size, headerSize))
	if _, err := d.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	if int64(len(head)) < headerSize { // its making was cut off
		if strings.HasPrefix(magic, string(head[:min(len(head), len(magic))])) {
			return 0, nil, nil
		}
		return 0, errors.New("the header is damaged"), nil
	}
	switch {
	case string(head[:len(magic)]) == magic:
	case strings.HasPrefix(string(head), family):
		line, _, _ := strings.Cut(string(head), "\n")
		return 0, nil, fmt.Errorf("%q is of another version", line)
	default:
		return 0, errors.New("the header is damaged"), nil
	}
	pos, ok := parseMark(head[len(magic):])
	if !ok {
		return headerSize, errors.New("the mark is damaged; entries may be handed over a second time"), nil
	}
	if pos == headerSize {
		return pos, nil, nil
	}
	last := make([]byte, 1)
	if pos < headerSize || pos > size {
		return headerSize, nil, nil // emptied, and the mark had no time to follow
	}
	if _, err := d.ReadAt(last, pos-1); err != nil {
		return 0, nil, err
	}
	if last[0] != '\n' {
		return headerSize, errors.New("the mark leads into an entry; entries may be handed over a second time"), nil
	}
	return pos, nil, nil
}

// syncDirectory makes the name of a new file durable.
func syncDirectory(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// putAside appends to a file beside the spool, durably.
func putAside(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return syncDirectory(path)
}
