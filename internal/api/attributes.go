package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// parseAttributes parses the filters by attributes in both forms: attributes[key]=value, and attribute=key:value for
// tools that do not support the first. It also returns all errors.
func parseAttributes(deep map[string]string, plain []string) (found game.AttributeFilter, wrong []error) {
	if len(deep) == 0 && len(plain) == 0 {
		return nil, nil
	}
	found = make(game.AttributeFilter, len(deep)+len(plain))
	add := func(location, key, text string) {
		values, err := game.ParseFilterValue(text)
		if err != nil {
			wrong = append(wrong, &huma.ErrorDetail{Location: location, Message: err.Error()})
			return
		}
		found[key] = values
	}
	for _, key := range slices.Sorted(maps.Keys(deep)) {
		add("query.attributes["+key+"]", key, deep[key])
	}
	named := make(map[string]bool, len(deep)+len(plain))
	for key := range deep {
		named[key] = true
	}
	for _, pair := range plain {
		key, text, ok := strings.Cut(pair, ":")
		switch {
		case !ok || key == "":
			wrong = append(wrong, &huma.ErrorDetail{
				Location: "query.attribute", Message: "must be of the form key:value",
			})
		case named[key]:
			wrong = append(wrong, &huma.ErrorDetail{
				Location: "query.attribute", Message: "names an attribute more than once",
			})
		default:
			add("query.attribute", key, text)
			named[key] = true
		}
	}
	return found, wrong
}
