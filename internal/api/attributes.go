package api

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// parseAttributes reads the values of an attribute filter: numbers, booleans and quoted strings as in JSON, anything else
// as the string that it is. It also tells what is wrong with them.
func parseAttributes(query map[string]string) (found game.Attributes, wrong []error) {
	if len(query) == 0 {
		return nil, nil
	}
	found = make(game.Attributes, len(query))
	for _, key := range slices.Sorted(maps.Keys(query)) {
		text := query[key]
		v, err := game.ParseValue(text)
		switch {
		case err == nil:
			found[key] = v
		case strings.HasPrefix(text, `"`), errors.Is(err, game.ErrInexactNumber):
			wrong = append(wrong, &huma.ErrorDetail{Location: "query.attributes[" + key + "]", Message: err.Error()})
		default:
			found[key] = game.StringValue(text)
		}
	}
	return found, wrong
}
