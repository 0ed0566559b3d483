package alerting

import "context"

// Look makes d look at the log once, as Run does.
func Look(d *Dispatcher, ctx context.Context) error { return d.look(ctx) }
