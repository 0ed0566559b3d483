package demo_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/fluxstudio/gatehouse/demo"
)

// A day without a person to watch it, as a check that every rule works.
func ExampleRun() {
	err := demo.Run(context.Background(), demo.Options{Out: os.Stdout, JSON: true, Once: true})
	if errors.Is(err, demo.ErrUnexpected) {
		fmt.Println("a rule did not fire, or somebody was hurt:", err)
	}
}
