package sqlitestore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// TestDeliveriesBesideNoJSON damages the file, because the database accepts nothing but JSON for a record.
func TestDeliveriesBesideNoJSON(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	var ids []string
	for seq := range int64(3) {
		d := game.Delivery{
			ID: game.DeliveryID("w", seq+1), Project: project, Webhook: "w", Seq: seq + 1, At: time.UnixMilli(1000),
			Status: game.DeliveryDead, Subject: game.Subject{Kind: game.SubjectPlayer, ID: "p"},
		}
		must(t, s.PutDeliveries(t.Context(), []game.Delivery{d}))
		ids = append(ids, d.ID)
	}
	must(t, s.Close())
	file, err := os.ReadFile(path)
	must(t, err)
	whole := []byte(`{"id":"` + ids[1] + `"`)
	if n := bytes.Count(file, whole); n != 1 {
		t.Fatalf("the document is in the file %d times", n)
	}
	must(t, os.WriteFile(path, bytes.Replace(file, whole, append([]byte("!"), whole[1:]...), 1), 0o600))

	s = openTest(t, path)
	for _, status := range []game.DeliveryStatus{"", game.DeliveryDead} {
		q := game.DeliveryQuery{Project: project, Webhook: "w", Status: status, Limit: 10}
		found, err := s.Deliveries(t.Context(), q)
		must(t, err)
		if want := ids[1:2]; !slices.Equal(found.Unreadable, want) || len(found.Items) != 2 {
			t.Errorf("%d are read and %v are not, want 2 and %v", len(found.Items), found.Unreadable, want)
		}
	}
}
