// Package strictyaml reads the YAML that people write as settings, and tells
// them precisely what is wrong with it: every error names the file, the line,
// the column, the key, and what is allowed. Rule files and the configuration
// are both read with it.
//
// It takes less than YAML offers, on purpose: one document, no anchors, aliases,
// merge keys or tags, plain keys, no key twice, decimal numbers, true and false.
// Size and nesting are bounded.
//
// A Document collects the errors that its Values report, so that all of them
// can be shown at once; see Document.Err. Documents are not safe for concurrent
// use.
package strictyaml
