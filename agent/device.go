package agent

import (
	"strings"
	"unicode"

	"github.com/fluxstudio/gatehouse"
	"github.com/mileusna/useragent"
)

// UnknownDevice is the name of a device whose agent tells nothing.
const UnknownDevice = "Unknown device"

// maxName is the length in bytes that a name of a browser or app may have.
const maxName = 48

// DeviceName returns what a person would call the device: "Chrome on Windows",
// "Safari on iPhone", "curl", or UnknownDevice. It has no version numbers, so
// that an update does not make a new device, no characters but letters, spaces
// and ".-_+", and at most 80 bytes. It looks at the first gatehouse.MaxText bytes.
func DeviceName(userAgent string) string {
	if len(userAgent) > gatehouse.MaxText {
		userAgent = userAgent[:gatehouse.MaxText]
	}
	ua := useragent.Parse(userAgent)
	name, system := browserName(&ua, userAgent), systemName(&ua)
	switch {
	case name == "" && system == "":
		return UnknownDevice
	case system == "":
		return name
	case name == "" || name == system || name == "Win": // as in "Win64"
		return "Browser on " + system
	}
	return name + " on " + system
}

// overlooked are browsers that useragent takes for another one.
var overlooked = [...]struct{ token, name string }{
	{"Trident/", useragent.InternetExplorer},
	{"YaBrowser/", "Yandex Browser"},
	{"UCBrowser/", "UC Browser"},
	{"DuckDuckGo/", "DuckDuckGo"},
	{"Ddg/", "DuckDuckGo"},
	{"Focus/", "Firefox Focus"},
	{"GSA/", "Google App"},
	{"MicroMessenger/", "WeChat"},
	{"Silk/", "Silk"},
	{"HuaweiBrowser/", "Huawei Browser"},
}

func browserName(ua *useragent.UserAgent, agent string) string {
	for _, o := range overlooked {
		if strings.Contains(agent, o.token) {
			return o.name
		}
	}
	if ua.Name == agent && strings.ContainsAny(agent, "/;()") {
		return "" // nothing found, and the whole agent is returned for a name
	}
	return tidy(ua.Name)
}

func systemName(ua *useragent.UserAgent) string {
	switch ua.OS {
	case useragent.IOS:
		return ua.Device // iPhone or iPad
	case useragent.MacOS:
		return "Mac"
	case useragent.Android:
		if ua.Tablet {
			return "Android tablet"
		}
	}
	return tidy(ua.OS)
}

// tidy keeps the letters of a name up to what looks like a version.
func tidy(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/':
			return '\n'
		case unicode.IsLetter(r) || strings.ContainsRune(" .-_+", r):
			return r
		}
		return -1
	}, name)
	name, _, _ = strings.Cut(name, "\n")
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return strings.Trim(name, " .-_+")
}
