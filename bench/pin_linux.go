package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinApart gives a server the last core and us the others, so that how long a
// round trip takes does not depend on where the scheduler happens to put the
// two. With one core it does nothing.
func pinApart(server int) (undo func()) {
	last := runtime.NumCPU() - 1
	if last < 1 {
		return func() {}
	}
	var before, theirs unix.CPUSet
	must(0, unix.SchedGetaffinity(0, &before))
	mine := before
	mine.Clear(last)
	theirs.Set(last)
	setAffinity(server, &theirs)
	setAffinity(os.Getpid(), &mine)
	return func() { setAffinity(os.Getpid(), &before) }
}

// setAffinity does it for each thread; those that come later inherit it.
func setAffinity(pid int, set *unix.CPUSet) {
	for _, t := range must(os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))) {
		err := unix.SchedSetaffinity(must(strconv.Atoi(t.Name())), set)
		if err != nil && err != unix.ESRCH { // ended meanwhile
			panic(err)
		}
	}
}
