package app

import "github.com/fluxstudio/gatehouse"

// PublishRecords passes records on to everybody who watches.
func (a *App) PublishRecords(records ...gatehouse.Record) { a.publish(records) }
