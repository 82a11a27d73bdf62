package api

import (
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
var Written = written

// PageOf returns a page of a list as it is answered.
func PageOf[D any](items []D, next *string) any { return page[D]{items, next} }

// MaxLargeBodies is how many large bodies are held at once.
const MaxLargeBodies = maxLargeBodies
