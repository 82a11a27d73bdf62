package api

import (
	"encoding/json"

	"game-session-manager/internal/game"
)

// What fuzz targets reach without a server.
var (
	Unmarshal       = unmarshal
	ParseAttributes = parseAttributes
)

// PatchSettings merges a patch into settings.
func PatchSettings(t game.Settings, patch json.RawMessage) (game.Settings, error) {
	return mergePatch(t, patch)
}
