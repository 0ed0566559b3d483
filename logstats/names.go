package logstats

import (
	"strconv"

	"github.com/fluxstudio/gatehouse"
)

// maxName is the length to which a name is cut: that of a cleaned text, behind the
// longest prefix.
const maxName = gatehouse.MaxText + 16

// OfKind names the count of a type of event.
func OfKind(kind gatehouse.Kind) string { return string(kind) }

// OfRule names the count of a rule's findings.
func OfRule(rule string) string { return "rule:" + rule }

// OfShadow names the count of what a rule found in the shadow.
func OfShadow(rule string) string { return "shadow:" + rule }

// OfNear names the count of how often a counter of a rule stood so many tenths
// below, or at 10, its threshold.
func OfNear(rule string, tenths int) string { return "near:" + rule + ":" + strconv.Itoa(tenths) }
