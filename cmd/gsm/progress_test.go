package main

import (
	"bytes"
	"io"
	"testing"
)

// Without a terminal, progress is shown in tenths.
func TestMeterWritesLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := newMeter(streams{io.Discard, &out})
	for n := range 1001 {
		m.at("copy players", n, 1000)
	}
	m.clear()
	m.at("copy sessions", 500, 100) // more than expected
	m.at("copy sessions", 501, 1002)
	m.end()
	want := "copy players: 100 of about 1000\ncopy players: 200 of about 1000\ncopy players: 300 of about 1000\n" +
		"copy players: 400 of about 1000\ncopy players: 500 of about 1000\ncopy players: 600 of about 1000\n" +
		"copy players: 700 of about 1000\ncopy players: 800 of about 1000\ncopy players: 900 of about 1000\n" +
		"copy sessions: 501 of about 1002\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// On a terminal, progress is a bar that is removed at the end.
func TestMeterShowsABar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := &meter{out: &out, terminal: true}
	for n := range 101 {
		m.at("copy players", n, 50)
	}
	m.clear()
	m.end()
	if got := out.String(); !bytes.Contains(out.Bytes(), []byte("copy players")) ||
		bytes.ContainsRune(out.Bytes(), '\n') {
		t.Errorf("got %q", got)
	}
}
