package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonpatch "github.com/evanphx/json-patch/v5"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

// maxDepth is how many levels of objects and arrays a body may have.
const maxDepth = 32

// strictJSON reads JSON that is UTF-8 and has no name twice, and names of fields in their exact case. With [checkTree] that
// is I-JSON (RFC 7493): what is stored is what was sent, or the caller hears of it.
var strictJSON = huma.Format{Marshal: marshal, Unmarshal: unmarshal}

func unmarshal(data []byte, v any) error {
	data = wholeNumbers(data)
	if err := jsonv2.Unmarshal(data, v, jsonv2.RejectUnknownMembers(true), jsonv2.WithUnmarshalers(anyNumber)); err != nil {
		return malformed(err)
	}
	return nil
}

// malformed words an error of the JSON package without the values that it may hold, and with a JSON pointer.
func malformed(err error) error {
	var syntactic *jsontext.SyntacticError
	var semantic *jsonv2.SemanticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		errors.As(err, &syntactic)
		return located(syntactic.JSONPointer, "is there twice")
	case errors.As(err, &syntactic):
		reason := "is not valid JSON"
		if strings.Contains(err.Error(), "UTF-8") {
			reason = "is not valid UTF-8"
		}
		return fmt.Errorf("the body %s at byte %d", reason, syntactic.ByteOffset)
	case errors.Is(err, jsonv2.ErrUnknownName):
		errors.As(err, &semantic)
		return located(semantic.JSONPointer, "unexpected property")
	case errors.As(err, &semantic):
		var form game.FormError
		if errors.As(err, &form) {
			return located(semantic.JSONPointer, form.Error())
		}
		return located(semantic.JSONPointer, wrongType(semantic))
	}
	return errors.New("the body is not valid JSON")
}

// wrongType says why a value does not fit into its field. Numbers without a fraction have become integers before.
func wrongType(e *jsonv2.SemanticError) string {
	if e.JSONKind != jsontext.KindNumber || e.GoType == nil || !isInteger(e.GoType.Kind()) {
		return "has the wrong type"
	}
	if errors.Is(e, strconv.ErrRange) {
		return "is out of range"
	}
	return notWhole
}

// notWhole is what is wrong with 4.5 where the API has an integer.
const notWhole = "must be a whole number"

func isInteger(k reflect.Kind) bool { return reflect.Int <= k && k <= reflect.Uint64 }

// pointerError is an error at a place in a body.
type pointerError struct {
	field   string // in the form of game.FieldError
	message string
}

func located(p jsontext.Pointer, message string) error {
	return &pointerError{strings.ReplaceAll(strings.TrimPrefix(string(p), "/"), "/", "."), message}
}

// ErrorDetail implements [huma.ErrorDetailer].
func (e *pointerError) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: join("body", e.field), Message: e.message}
}

// Error has the form that [splitPointer] reads, because huma keeps nothing of a decoding error but its text.
func (e *pointerError) Error() string { return "at " + e.field + ": " + e.message }

func splitPointer(text string) (field, message string, ok bool) {
	rest, found := strings.CutPrefix(text, "at ")
	if !found {
		return "", "", false
	}
	return strings.Cut(rest, ": ")
}

// checkTree finds what JSON allows and some reader or engine would not keep.
func checkTree(v any, at jsontext.Pointer, depth int) []error {
	if depth == 0 {
		return []error{located(at, game.ErrTooDeep.Error())}
	}
	var found []error
	switch v := v.(type) {
	case float64:
		if math.Abs(v) > game.MaxExactNumber {
			found = append(found, located(at, game.ErrInexactNumber.Error()))
		}
	case string:
		if strings.ContainsRune(v, 0) {
			found = append(found, located(at, game.ErrNulCharacter.Error()))
		}
	case []any:
		for i, item := range v {
			found = append(found, checkTree(item, at.AppendToken(strconv.Itoa(i)), depth-1)...)
		}
	case map[string]any:
		for name, item := range v {
			if strings.ContainsRune(name, 0) {
				found = append(found, located(at, game.ErrNulCharacter.Error()))
				continue
			}
			found = append(found, checkTree(item, at.AppendToken(name), depth-1)...)
		}
	}
	return found
}

// decode returns base with what the body has of it. Other members of the body are left out.
func decode[T any](base T, body []byte) (T, error) {
	if err := jsonv2.Unmarshal(body, &base); err != nil {
		return base, invalidBody(err)
	}
	return base, nil
}

// mergePatch returns target as changed by an RFC 7396 merge patch. Members of the patch that T does not have are left out.
func mergePatch[T any](target T, patch []byte) (T, error) {
	var changed T
	before, err := json.Marshal(target)
	if err != nil {
		return changed, fmt.Errorf("encoding the target of a patch: %w", err)
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return changed, game.ErrValidation.Detail("The body is not a merge patch.").Because(err)
	}
	if err := jsonv2.Unmarshal(after, &changed); err != nil {
		return changed, invalidBody(err)
	}
	return changed, nil
}

func invalidBody(err error) error {
	field, message, _ := splitPointer(malformed(err).Error())
	return game.InvalidField(field, "%s", message)
}

// tellAll returns what is wrong with a body by the rules, for huma to tell together with what is wrong by the contract.
// apply puts a body onto a base. A member of the wrong type, which the contract tells, keeps no rule from the others.
func tellAll[T interface{ Validate() error }](base T, body []byte, apply func(T, []byte) (T, error)) []error {
	var tree any
	if err := unmarshal(body, &tree); err != nil {
		return nil // told as malformed
	}
	if _, ok := tree.(map[string]any); !ok {
		return nil // told by the contract
	}
	found := checkTree(tree, "", maxDepth)
	if whole, err := apply(base, body); err == nil {
		return append(found, invalid(whole.Validate())...)
	}
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(body, &members); err != nil {
		return found
	}
	for name, value := range members {
		one, err := jsonv2.Marshal(map[string]jsontext.Value{name: value})
		if err != nil {
			continue
		}
		if part, err := apply(base, one); err == nil {
			base = part
		}
	}
	return append(found, invalid(base.Validate())...)
}
