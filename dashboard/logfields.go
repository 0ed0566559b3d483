package dashboard

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/internal/web"
)

// logField is a field of a record, by the name that it has in exports.
type logField struct {
	Name, Value string
	Link        string // to what it is about; empty: nothing
}

// fieldsOf returns all fields of a record in their order, those within others with
// the names of both: finding.evidence.devices.1.ip.
func fieldsOf(text []byte) ([]logField, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields []logField
	var read func(name string) error
	read = func(name string) error {
		token, err := d.Token()
		if err != nil {
			return err
		}
		open, compound := token.(json.Delim)
		if !compound {
			value := scalar(token)
			fields = append(fields, logField{name, readable(name, value), linkOf(name, value)})
			return nil
		}
		for i := 1; d.More(); i++ {
			inner := strconv.Itoa(i)
			if open == '{' {
				key, err := d.Token()
				if err != nil {
					return err
				}
				inner = scalar(key)
			}
			if name != "" {
				inner = name + "." + inner
			}
			if err := read(inner); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	if err := read(""); err != nil {
		return nil, err
	}
	return fields, nil
}

func scalar(token json.Token) string {
	switch v := token.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// readable adds to nanoseconds what they are in words.
func readable(name, value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !strings.HasSuffix(name, "_ns") {
		return value
	}
	return value + " (" + web.Duration(time.Duration(n)) + ")"
}

// linkOf returns where more about the value of a field is.
func linkOf(name, value string) string {
	search := func(parameter string) string { return "/log?" + url.Values{parameter: {value}}.Encode() }
	if name == "finding.id" {
		return "/findings/" + url.PathEscape(value)
	}
	parts := strings.Split(name, ".")
	last := parts[len(parts)-1]
	if _, err := strconv.Atoi(last); err == nil && len(parts) > 1 { // one of a list
		last = parts[len(parts)-2]
	}
	switch last {
	case "user_id":
		return "/users/" + url.PathEscape(value)
	case "account", "accounts":
		return search("user")
	case "ip", "prefix", "target":
		return search("ip")
	case "correlation_id":
		return search("correlation")
	case "finding_id":
		return "/findings/" + url.PathEscape(value)
	}
	return ""
}
