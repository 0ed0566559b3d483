package web_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/web"
)

var (
	classAttribute = regexp.MustCompile(`class="([^"]*)"`)
	templateAction = regexp.MustCompile(`\{\{[^}]*\}\}`)
	className      = regexp.MustCompile(`^[a-z][a-z0-9]*(-{1,2}[a-z0-9]+)*$`)
)

// Every class that a template of any door names is one of the stylesheet, and no
// template has what the Content-Security-Policy refuses.
func TestTemplatesUseWhatThereIs(t *testing.T) {
	css := string(body(t, ask("GET", web.AssetPath("web.css"), http.Header{})))
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([a-z][a-z0-9-]*)`).FindAllStringSubmatch(css, -1) {
		known[m[1]] = true
	}
	pages := 0
	for _, door := range []string{"gallery", "../../dashboard", "../../authserver"} {
		err := fs.WalkDir(os.DirFS(door), ".", func(file string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, ".html") {
				return err
			}
			text, err := fs.ReadFile(os.DirFS(door), file)
			if err != nil {
				return err
			}
			pages++
			// Quotes within an action would end the attribute. What is put together of
			// pieces cannot be known here.
			plain := templateAction.ReplaceAllString(string(text), "§")
			for _, m := range classAttribute.FindAllStringSubmatch(plain, -1) {
				for _, class := range strings.Fields(m[1]) {
					if className.MatchString(class) && !known[class] {
						t.Errorf("%s/%s: the stylesheet has no class %s", door, file, class)
					}
				}
			}
			if bad := regexp.MustCompile(`(?i)<style|<script>|\s(style|on[a-z]+)\s*=|javascript:`).FindString(plain); bad != "" {
				t.Errorf("%s/%s: the policy refuses %q", door, file, bad)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if pages < 10 {
		t.Errorf("%d templates were found", pages)
	}
}
