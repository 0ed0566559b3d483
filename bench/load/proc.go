package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 wherever
// Go runs on Linux.
const tick = 10 * time.Millisecond

// process is what proc_pid_stat(5) tells.
type process struct {
	parent int
	own    time.Duration // CPU time, user and system
	buried time.Duration // that of children that have ended
	rss    int           // bytes
}

func readProcess(pid int) (process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	// The program's name comes before, in brackets, and may hold brackets itself.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const parent, utime, stime, cutime, cstime, rss = 1, 11, 12, 13, 14, 21
	if len(fields) <= rss {
		return process{}, fmt.Errorf("process %d: %d fields", pid, len(fields))
	}
	number := func(field int) int {
		n, convErr := strconv.Atoi(fields[field])
		if convErr != nil && err == nil {
			err = convErr
		}
		return n
	}
	p := process{
		parent: number(parent),
		own:    time.Duration(number(utime)+number(stime)) * tick,
		buried: time.Duration(number(cutime)+number(cstime)) * tick,
		rss:    number(rss) * os.Getpagesize(),
	}
	return p, err
}

// family is the CPU time of a process and its children, those included that have
// ended. PostgreSQL has a process for each connection.
func family(pid int) (time.Duration, error) {
	root, err := readProcess(pid)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	sum := root.own + root.buried
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := readProcess(child); err == nil && p.parent == pid { // it may have ended meanwhile
			sum += p.own + p.buried
		}
	}
	return sum, nil
}

// loadAverage is that of the last minute, or 0.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return v
}
