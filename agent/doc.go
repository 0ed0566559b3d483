// Package agent judges the User-Agent header of a request: does it name a bot, a
// script or a scanner, and what would a person call the device?
//
// The header is whatever the client says. A script that lies passes for a
// browser, so a suspicious agent is a sign for the security log and never the
// only reason to refuse anybody; an unsuspicious one proves nothing. In doubt
// an agent is a person's: browsers, in-app browsers, native apps and assistive
// technology are not suspicious.
//
// The crawlers are those of the crawler-user-agents project (MIT licence, see
// data/LICENSE), the attack tools and libraries are listed in data/tools.tsv.
package agent

//go:generate sh data/refresh.sh
