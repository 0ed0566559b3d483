package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/app"
)

// opening tells what is going to happen.
func (f *feed) opening(d *day, s stay) {
	f.text("%s\n", f.paint(bold, "A day at a login page, in about half a minute"))
	standard := app.Default().Passwords
	f.paragraph(fmt.Sprintf("%d people live an ordinary day, from yesterday %s until now, and eight attacks come in between. "+
		"Everything goes over HTTP through the real login server; only its clock is the demo's. All addresses are of the ranges for documentation.",
		len(d.cast.all), d.start.Local().Format("15:04")))
	f.paragraph(fmt.Sprintf("Passwords cost less here, so that the day is short: Argon2id with %d MiB and %d pass instead of %d MiB and %d passes.",
		hashMemoryKiB/1024, hashIterations, standard.MemoryKiB/1024, standard.Iterations))
	f.paragraph("A line with a number is an answer that somebody got, by its HTTP status; a line with a severity is what was detected or done.")
	for _, note := range s.notes {
		f.paragraph(note)
	}
	f.text("")
	f.text("  login server  %s/api/auth", s.url)
	f.text("  dashboard     %s", s.admin)
	f.text("                sign in as %s with the password %s", operator, s.password)
	f.text("  admin         %s/healthz", s.admin)
	f.text("  data          %s (removed at the end)", s.dir)
}

func (f *feed) paragraph(s string) {
	for _, line := range wrap(s, width) {
		f.text("%s", line)
	}
}

// summary tells what the day brought.
func (f *feed) summary(d *day, rows []row, unexpected error, took time.Duration) {
	f.text("\n%s\n", f.paint(bold, "What the day brought"))
	f.text("  %-26s %-22s %8s  %8s  %s", "EVENT TYPE", "RULE", "FINDINGS", "EXPECTED", "FIRST AT")
	for _, r := range rows {
		first := "never"
		if r.found > 0 {
			first = r.first.Local().Format("Mon 15:04:05")
		}
		line := fmt.Sprintf("  %-26s %-22s %8d  %8d  %s", r.kind, r.rule, r.found, r.want, first)
		if r.found != r.want {
			line = f.paint(red, line)
		}
		f.text("%s", line)
	}
	refused, reported := d.tally.hurt()
	f.text("")
	f.paragraph(fmt.Sprintf("%d ordinary people made %s: %d refused, %d reported.", len(d.cast.all), d.lived, refused, reported))
	verdict := "Every rule fired as expected, and nobody who belongs here was refused or reported."
	if unexpected != nil {
		verdict = f.paint(red, strings.ToUpper(unexpected.Error()[:1])+unexpected.Error()[1:]+".")
	}
	f.paragraph(fmt.Sprintf("%s (%.1f s)", verdict, took.Seconds()))
}

// closing tells what can be tried while the server goes on.
func (f *feed) closing(d *day, s stay) {
	ada := d.cast.ada
	command := func(what, line string) {
		f.text("\n  %s\n    %s", f.paint(dim, "# "+what), line)
	}
	f.text("\n%s", f.paint(bold, "The server goes on in real time until you press Ctrl-C. In another terminal, try:"))
	command("who is blocked, and what happened to Ada", s.o.Command+" blocks list --data "+s.dir)
	f.text("    %s log --user %s --limit 12 --data %s", s.o.Command, ada.email, s.dir)
	command("six wrong logins: five times 401, then 429. Watch this feed meanwhile", "for i in 1 2 3 4 5 6; do")
	f.text("      curl -s -o /dev/null -w '%%{http_code}\\n' -H 'Content-Type: application/json' \\")
	f.text("        -d '{\"email\":\"%s\",\"password\":\"wrong\"}' %s/api/auth/login", ada.email, s.url)
	f.text("    done")
	command("let yourself in again, with Ada's password", s.o.Command+" blocks remove 127.0.0.1 --data "+s.dir)
	f.text("    curl -i -H 'Content-Type: application/json' %s/api/auth/login \\", s.url)
	f.text("      -d '{\"email\":\"%s\",\"password\":\"%s\"}'", ada.email, ada.password)
	f.text("")
}
