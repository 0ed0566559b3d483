// Package export passes the security log on to other systems: as OCSF events or
// as ECS documents, one JSON object a line, to a file, to standard output, to
// syslog or to any slog.Handler.
//
// [OCSF] and [ECS] are pure functions from a record to a line and can be used
// by themselves. An [Exporter] sends the lines to a [Target] in the background:
// what it exports is durable already, so it never waits for a target, never
// fails a login, and counts what it had to leave out. The security log itself
// remains the truth; whatever was dropped can be exported from it again.
//
// Records are cleaned (gatehouse.Record.Clean) once more, so that no value can
// break a line, a frame or a terminal, whoever made the record.
package export
