package api

import (
	"errors"
	"strings"

	"game-session-manager/internal/game"
)

// parseAttributes reads the values of an attribute filter: numbers, booleans and quoted strings as in JSON, anything else
// as the string that it is.
func parseAttributes(query map[string]string) (game.Attributes, error) {
	if len(query) == 0 {
		return nil, nil
	}
	attributes := make(game.Attributes, len(query))
	for key, text := range query {
		v, err := game.ParseValue(text)
		switch {
		case err == nil:
			attributes[key] = v
		case strings.HasPrefix(text, `"`), errors.Is(err, game.ErrInexactNumber):
			return nil, game.InvalidField("attributes["+key+"]", "%s", err)
		default:
			attributes[key] = game.StringValue(text)
		}
	}
	return attributes, nil
}
