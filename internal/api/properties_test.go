package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"game-session-manager/client"
	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
)

// Every field of every document that the API shows is in its JSON, and the SDK reads it as it was.
func TestFieldsAreShown(t *testing.T) {
	t.Parallel()
	showsFields(t, func(p client.Player) game.Player { return p })
	showsFields(t, func(s client.Session) game.Session { return s.Session })
	showsFields(t, func(m client.Member) game.Member { return m })
	showsFields(t, func(m client.SystemMetrics) game.SystemMetrics { return m })
}

// showsFields holds documents as they are shown to the type of the SDK that reads them.
func showsFields[Client, D any](t *testing.T, document func(Client) D) {
	t.Helper()
	documents := map[string]D{"": gametest.Filled[D]()}
	for path, d := range gametest.Each[D]() {
		documents[path] = d
	}
	for path, d := range documents {
		b, err := api.JSON(d)
		if err != nil {
			t.Fatalf("%T%s: %v", d, path, err)
		}
		var read Client
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatalf("%T%s: %v: %s", d, path, err, b)
		}
		if got := document(read); !reflect.DeepEqual(gametest.Normal(got), gametest.Normal(d)) {
			t.Errorf("%T%s is shown as\n%s\nwhich the SDK reads as\n%+v", d, path, b, got)
		}
	}
	for _, f := range game.Properties(reflect.TypeFor[D]()) {
		b, err := api.JSON(documents[""])
		if err != nil || !strings.Contains(string(b), `"`+f.Name+`":`) {
			t.Errorf("%s of %T is not shown: %s, %v", f.Name, documents[""], b, err)
		}
	}
}

// API keys are shown in another form than they have: with all that is not hidden.
func TestFieldsOfKeysAreShown(t *testing.T) {
	t.Parallel()
	k := gametest.Filled[game.Key]()
	body, read := object(t, api.ShownKey(k)), client.Key{}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	kept, stored := object(t, read), object(t, k)
	for _, f := range game.Properties(reflect.TypeFor[game.Key]()) {
		hidden := f.Tag.Get("hidden") == "true"
		if shown, is := body[f.Name]; hidden && is || !hidden && !reflect.DeepEqual(shown, stored[f.Name]) {
			t.Errorf("%s is %v, and is shown as %v", f.Name, stored[f.Name], shown)
		}
	}
	if !reflect.DeepEqual(kept, body) {
		t.Errorf("the SDK reads\n%v\nas\n%v", body, kept)
	}
}

// object returns a value as JSON has it.
func object(t *testing.T, v any) (o map[string]any) {
	t.Helper()
	b, err := api.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}
