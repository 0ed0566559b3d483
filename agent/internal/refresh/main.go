// Command refresh reduces the list of package crawler-user-agents to what the
// judge needs: literal texts in lower case, one a line. It reads the JSON file
// from standard input and writes the table to standard output. See refresh.sh.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"regexp/syntax"
	"slices"
	"strings"
)

type entry struct {
	Pattern string
	Tags    []string
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(in io.Reader, out io.Writer) error {
	var entries []entry
	if err := json.NewDecoder(in).Decode(&entries); err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if slices.Contains(human, e.Pattern) {
			continue
		}
		re, err := syntax.Parse(e.Pattern, syntax.Perl)
		if err != nil {
			return fmt.Errorf("%q: %w", e.Pattern, err)
		}
		for _, l := range expand(re.Simplify()) {
			text := strings.Trim(strings.ToLower(l), "^$")
			if len(text) < shortest {
				continue
			}
			lines = append(lines, strings.Join([]string{category(e.Tags), scope(text), strings.ToLower(l), name(text, e.Pattern)}, "\t"))
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "# Reduced from crawler-user-agents (MIT, see LICENSE) by refresh.sh. Category, where it counts, text, name.")
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	return w.Flush()
}

// shortest is the length in bytes of the shortest text that is taken over. A
// shorter one says too little.
const shortest = 4

// human are patterns that agents of people's apps and browsers match too.
var human = []string{
	"okhttp", "HttpUrlConnection", // libraries of Android apps
	"AP3A\\.240617\\.008",                                       // the build of Android 15 on many phones
	"MetaIAB Facebook",                                          // Facebook's in-app browser
	"Bluesky\\/", "Lemmy", "Mastodon", "Friendica", "Tumblr\\/", // apps
	"Viber", "WhatsApp", "Notion\\/", "PayPal\\/", "GoPay", "Trustly\\/",
	"Valve\\/Steam", "NextCloud", "Blackboard", "Salesforce\\.com", "HubSpot",
	"Instapaper\\/", "Overcast\\/", "PocketCasts\\/", "Feedly", "upday\\/",
	"Goodreads", "Splunk", "FastmailUA", "MailChimp", "Grammarly\\/",
	"Code\\/1\\.", "Trae\\/", "opencode-smartfetch", // editors with a login of their own
	"Butterfly", "Fever", "Sonic", "Magellan", "Adventurer", "Fluid", // names of phones and browsers
	"coccoc", "mail\\.ru", "Sogou", "Daum\\/", "^Silk\\/", "Freespoke\\/", // browsers
	"CapitalOneShopping", "Genieo", "BTWebClient", "Hello World", "Optimizer\\)", "Rigor\\)",
}

// expand returns the texts that a simple pattern stands for, with "^" in front
// and "$" behind where it is anchored. Of a pattern that stands for no small
// number of texts it returns the longest text that every match contains, if
// that is long enough to mean something.
func expand(re *syntax.Regexp) []string {
	if all, ok := texts(re); ok {
		return all
	}
	const telling = 8
	longest := ""
	for _, sub := range re.Sub {
		if all, ok := texts(sub); ok && len(all) == 1 && len(all[0]) > len(longest) {
			longest = all[0]
		}
	}
	if len(longest) < telling {
		return nil
	}
	return []string{longest}
}

func texts(re *syntax.Regexp) ([]string, bool) {
	const most = 16
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpBeginText:
		return []string{"^"}, true
	case syntax.OpEndText:
		return []string{"$"}, true
	case syntax.OpLiteral:
		return []string{string(re.Rune)}, true
	case syntax.OpCapture:
		return texts(re.Sub[0])
	case syntax.OpCharClass:
		var all []string
		for i := 0; i < len(re.Rune); i += 2 {
			if len(all)+int(re.Rune[i+1]-re.Rune[i]) > most {
				return nil, false
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				all = append(all, strings.ToLower(string(r)))
			}
		}
		slices.Sort(all)
		return slices.Compact(all), true
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			some, ok := texts(sub)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, true
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			some, ok := texts(sub)
			if !ok || len(all)*len(some) > most {
				return nil, false
			}
			var longer []string
			for _, a := range all {
				for _, s := range some {
					longer = append(longer, a+s)
				}
			}
			all = longer
		}
		return all, true
	}
	return nil, false
}

func category(tags []string) string {
	switch {
	case slices.Contains(tags, "scanner"):
		return "scanner"
	case slices.Contains(tags, "browser-automation"):
		return "headless"
	case slices.Contains(tags, "http-library"):
		return "script"
	}
	return "crawler"
}

// scope is "all" for a text that no browser of a person contains because it
// calls a machine by its name, and "tool" for one that could be a word in it.
func scope(text string) string {
	for _, word := range []string{"bot", "crawl", "spider", "scan", "scrap", "headless", "fetch", "preview", "monitor", "check",
		"valid", "uptime", "seo", "feed", "rss", "archiv", "search", "http", "python", "google", "cloudflare", "facebook", "meta-external", "probe", "webhook", "unfurl",
		"synthetic", "lighthouse", "pingdom", "-user", "verify"} {
		if strings.Contains(text, word) {
			return "all"
		}
	}
	return "tool"
}

// name is what a person reads: the pattern's own spelling where it is plain.
func name(text, pattern string) string {
	plain := strings.NewReplacer(`\/`, "/", `\.`, ".", `\(`, "(", `\)`, ")", "^", "", "$", "").Replace(pattern)
	if !strings.EqualFold(plain, text) {
		plain = text
	}
	return strings.Trim(plain, " /;()-")
}
