package export_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

// What it costs to write a line, in the background.
func BenchmarkFormat(b *testing.B) {
	for name, format := range map[string]export.Format{"ocsf": export.OCSF, "ecs": export.ECS} {
		for _, kind := range []gatehouse.Kind{gatehouse.LoginSucceeded, gatehouse.BruteForceDetected} {
			r := typical(kind)
			b.Run(name+"/"+string(kind), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					line, err := format(r)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(line)))
				}
			})
		}
	}
}

// What it costs a login, whether there is room or not.
func BenchmarkRecords(b *testing.B) {
	batch := []gatehouse.Record{typical(gatehouse.LoginSucceeded)}
	b.Run("full queue", func(b *testing.B) {
		release := make(chan struct{})
		e, err := export.New(export.Options{Queue: 1, Target: blocked(release)})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			e.Records(batch)
		}
		close(release)
		e.Close(b.Context())
	})
	b.Run("room", func(b *testing.B) {
		e, err := export.New(export.Options{Queue: 1 << 16, Target: &drain{}, Format: ids})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			e.Records(batch)
		}
		e.Close(b.Context())
	})
}

// drain takes everything.
type drain struct{}

func (*drain) Write(context.Context, export.Line) error { return nil }
func (*drain) Close() error                             { return nil }

// What one line costs from the queue to the page cache.
func BenchmarkFile(b *testing.B) {
	f, err := export.NewFile(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text, err := export.OCSF(typical(gatehouse.LoginSucceeded))
	if err != nil {
		b.Fatal(err)
	}
	l := export.Line{Text: text}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Write(b.Context(), l); err != nil {
			b.Fatal(err)
		}
	}
}
