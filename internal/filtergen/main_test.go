package main

import (
	"bytes"
	"os"
	"testing"
)

// TestGenerated holds the generated files to the fields.
func TestGenerated(t *testing.T) {
	t.Parallel()
	files, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the fields of package game say: run `make docs`: %v", name, err)
		}
	}
}
