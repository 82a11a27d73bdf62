package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"game-session-manager/internal/game"
)

// Unmarshal reads a body.
var Unmarshal = unmarshal

// WholeNumbers writes numbers without a fraction as integers.
var WholeNumbers = wholeNumbers

// ParseAttributes reads an attribute filter.
func ParseAttributes(deep map[string]string, plain ...string) (game.AttributeFilter, error) {
	found, wrong := parseAttributes(deep, plain)
	return found, errors.Join(wrong...)
}

// PatchSettings merges a patch into settings.
func PatchSettings(t game.Settings, patch json.RawMessage) (game.Settings, error) {
	return mergePatch(t, patch)
}

// Written writes what is written by hand.
func Written(v any) ([]byte, bool) {
	var b bytes.Buffer
	rest, ok := written(&b, v)
	return append(b.Bytes(), rest...), ok
}

// PlayerPage returns a page of a list as it is written.
func PlayerPage(l game.List[game.Player]) any {
	return boundedPage(context.Background(), l, (*writer).player)
}

// SessionPage returns a page of a list as it is written, with so much of the members.
func SessionPage(l game.List[game.Session], show string) any {
	return boundedPage(context.Background(), l, shown(show).write)
}

// PrefersMinimal reads a Prefer header.
var PrefersMinimal = prefersMinimal
