package browser

import (
	"fmt"
	"strconv"
	"time"
)

// Expect watches for an element of a selector that says a text. The function that
// it returns waits until there is one, and tells when it came into the document,
// to the millisecond, by the clock of this machine.
func (p *Page) Expect(selector, text string) (arrived func() time.Time) {
	p.t.Helper()
	id := Eval[int](p, fmt.Sprintf(expectScript, strconv.Quote(selector), strconv.Quote(text)))
	return func() time.Time {
		p.t.Helper()
		var at int64
		p.until(fmt.Sprintf("a new %s says %q", selector, text), func() (bool, string) {
			err := p.eval(fmt.Sprintf(`window.gatehouseTestArrivals[%d]`, id), &at)
			return err == nil && at > 0, fmt.Sprint("it has not come; ", err)
		})
		return time.UnixMilli(at)
	}
}

const expectScript = `((selector, text) => {
	const all = window.gatehouseTestArrivals ||= [];
	const id = all.push(0) - 1;
	const observer = new MutationObserver(() => {
		if (![...document.querySelectorAll(selector)].some(e => e.textContent.includes(text))) return;
		all[id] = Date.now();
		observer.disconnect();
	});
	observer.observe(document.documentElement, {childList: true, subtree: true, characterData: true});
	return id;
})(%s, %s)`
