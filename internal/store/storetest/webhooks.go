package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func webhooks() []check {
	return []check{
		{"create and read", createWebhook},
		{"not found", webhookNotFound},
		{"exists", webhookExists},
		{"replace", replaceWebhook},
		{"replace refused", replaceWebhookRefused},
		{"progress", webhookProgress},
		{"delete", deleteWebhook},
		{"by id", listWebhooks},
		{"marks", webhookMarks},
		{"one replace wins", oneWebhookReplaceWins},
		{"export", exportWebhooks},
	}
}

func deliveries() []check {
	return []check{
		{"put and list", putDeliveries},
		{"a late put", putDeliveriesLate},
		{"puts at the same time", putDeliveriesTogether},
		{"values", deliveryValues},
		{"lists", listDeliveries},
		{"trim", trimDeliveries},
		{"purge", purgeDeliveries},
		{"export", exportDeliveries},
	}
}

// newWebhook returns a webhook with a new id and every field set.
func newWebhook() game.Webhook {
	at := now()
	return filled(game.Webhook{
		ID: game.WebhookID(newID()), Project: project, Version: 1, CreatedAt: at, UpdatedAt: *later(at),
		WebhookSettings: game.WebhookSettings{
			Name: "Zoë's", URL: "https://example.com/hooks?a=b", Types: []game.ChangeType{"member_joined"},
			Subjects: []game.SubjectKind{game.SubjectSession}, Disabled: true,
		},
		DisabledReason: game.WebhookFailing,
		Progress: game.WebhookProgress{Waiting: []game.WaitingDelivery{{
			Subject: game.Subject{Kind: game.SubjectSession, ID: newID()}, Version: 3, Seq: 9, LastAt: at,
		}}},
	})
}

// newDelivery returns the record of a delivery with every field set.
func newDelivery(w game.WebhookID, seq int64) game.Delivery {
	at := now()
	return filled(game.Delivery{
		ID: game.DeliveryID(w, seq), Project: project, Webhook: w, Seq: seq, Status: game.DeliveryDead, At: at,
		Subject: game.Subject{Kind: game.SubjectPlayer, ID: newID()}, Excerpt: "Zoë 👩‍👦 \"&<",
		Failure: game.FailedStatus,
	})
}

func fillWebhooks(ctx context.Context, s game.Store, i int) error {
	if i%20 != 0 {
		return nil
	}
	w := newWebhook()
	w.Project = oneOfTwo(i)
	return s.CreateWebhook(ctx, w)
}

func fillDeliveries(ctx context.Context, s game.Store, i int) error {
	d := newDelivery(game.WebhookID(fmt.Sprint("w", i%3)), int64(i))
	d.Project = oneOfTwo(i)
	return s.PutDeliveries(ctx, []game.Delivery{d})
}

func webhookCalls(s game.Store) []call {
	w := newWebhook()
	next := w
	next.Version++
	return []call{
		{"CreateWebhook", true, func(ctx context.Context) error { return s.CreateWebhook(ctx, w) }},
		{"Webhook", false, func(ctx context.Context) error { _, err := s.Webhook(ctx, project, w.ID); return err }},
		{"ReplaceWebhook", true, func(ctx context.Context) error { return s.ReplaceWebhook(ctx, w, next) }},
		{"Webhooks", false, func(ctx context.Context) error {
			_, err := s.Webhooks(ctx, game.WebhookQuery{Project: project, Limit: 1})
			return err
		}},
		{"WebhookMarks", false, func(ctx context.Context) error { _, err := s.WebhookMarks(ctx, "", 1); return err }},
		{"ExportWebhooks", false, func(ctx context.Context) error {
			_, err := s.ExportWebhooks(ctx, "", 1)
			return err
		}},
		{"DeleteWebhook", true, func(ctx context.Context) error { return s.DeleteWebhook(ctx, next) }},
	}
}

func deliveryCalls(s game.Store) []call {
	q := game.DeliveryQuery{Project: project, Webhook: "w", Status: game.DeliveryDead, Limit: 1}
	return []call{
		{"PutDeliveries", true, func(ctx context.Context) error {
			return s.PutDeliveries(ctx, []game.Delivery{newDelivery("w", 1)})
		}},
		{"Deliveries", false, func(ctx context.Context) error { _, err := s.Deliveries(ctx, q); return err }},
		{"ExportDeliveries", false, func(ctx context.Context) error {
			_, err := s.ExportDeliveries(ctx, "", 1)
			return err
		}},
		{"TrimDeliveries", true, func(ctx context.Context) error { _, err := s.TrimDeliveries(ctx, q, 1); return err }},
		{"PurgeDeliveries", true, func(ctx context.Context) error {
			_, err := s.PurgeDeliveries(ctx, now(), 1)
			return err
		}},
	}
}

func idOfWebhook(w game.Webhook) string   { return string(w.ID) }
func idOfDelivery(d game.Delivery) string { return d.ID }

func wantWebhook(t *testing.T, s game.Store, wanted game.Webhook) {
	t.Helper()
	got, err := s.Webhook(t.Context(), wanted.Project, wanted.ID)
	must(t, err)
	want(t, got, wanted)
}

func wantWebhooks(t *testing.T, s game.Store, p game.ProjectID, wanted ...game.Webhook) {
	t.Helper()
	found, err := s.Webhooks(t.Context(), game.WebhookQuery{Project: p, Limit: 100})
	must(t, err)
	want(t, found, game.Found[game.Webhook]{Items: append([]game.Webhook{}, wanted...)})
}

func createWebhook(t *testing.T, s game.Store) {
	w := newWebhook()
	must(t, s.CreateWebhook(t.Context(), w))
	wantWebhook(t, s, w)

	plain := game.Webhook{ID: game.WebhookID(newID()), Project: project, Version: 1, CreatedAt: now(), UpdatedAt: now()}
	must(t, s.CreateWebhook(t.Context(), plain))
	plain.Types, plain.Subjects = []game.ChangeType{}, []game.SubjectKind{}
	plain.Progress.Waiting, plain.Previous = []game.WaitingDelivery{}, []game.PreviousSecret{}
	wantWebhook(t, s, plain)
}

func webhookNotFound(t *testing.T, s game.Store) {
	w := newWebhook()
	wantMissing := func(p game.ProjectID) {
		t.Helper()
		_, err := s.Webhook(t.Context(), p, w.ID)
		wantError(t, err, game.ErrWebhookNotFound)
	}
	wantMissing(project)
	wantError(t, s.ReplaceWebhook(t.Context(), w, w), game.ErrWebhookNotFound)
	wantWebhooks(t, s, project)
	must(t, s.CreateWebhook(t.Context(), w))
	wantMissing("elsewhere")

	other := w
	other.Project = "elsewhere"
	wantError(t, s.ReplaceWebhook(t.Context(), other, other), game.ErrWebhookNotFound)
	must(t, s.DeleteWebhook(t.Context(), other))
	wantWebhook(t, s, w)
}

func webhookExists(t *testing.T, s game.Store) {
	w := newWebhook()
	must(t, s.CreateWebhook(t.Context(), w))
	for _, p := range []game.ProjectID{project, "elsewhere"} {
		other := newWebhook()
		other.ID, other.Project = w.ID, p
		wantError(t, s.CreateWebhook(t.Context(), other), game.ErrExists)
	}
	wantWebhook(t, s, w)
}

func replaceWebhook(t *testing.T, s game.Store) {
	old := newWebhook()
	must(t, s.CreateWebhook(t.Context(), old))
	next := newWebhook()
	next.ID, next.Version, next.Previous = old.ID, 2, []game.PreviousSecret{}
	next.Progress.Waiting = append(next.Progress.Waiting, next.Progress.Waiting[0])
	must(t, s.ReplaceWebhook(t.Context(), old, next))
	wantWebhook(t, s, next)
	wantWebhooks(t, s, project, next)
}

func replaceWebhookRefused(t *testing.T, s game.Store) {
	old := newWebhook()
	must(t, s.CreateWebhook(t.Context(), old))
	next := old
	next.Version, next.Name = 2, "other"
	must(t, s.ReplaceWebhook(t.Context(), old, next))
	late := old
	late.Version, late.Name = 2, "late"
	wantError(t, s.ReplaceWebhook(t.Context(), old, late), game.ErrStale)
	wantWebhook(t, s, next)
}

// webhookProgress checks that progress changes without a version, and that no change is made from an old one.
func webhookProgress(t *testing.T, s game.Store) {
	first := newWebhook()
	must(t, s.CreateWebhook(t.Context(), first))
	second := first
	second.Progress.Revision++
	second.Progress.Position, second.Progress.Waiting = 77, []game.WaitingDelivery{}
	second.Progress.FailingSince = nil
	must(t, s.ReplaceWebhook(t.Context(), first, second))
	wantWebhook(t, s, second)

	edited := first
	edited.Version, edited.Name = 2, "edited"
	wantError(t, s.ReplaceWebhook(t.Context(), first, edited), game.ErrStale)
	late := first
	late.Progress.Revision += 2
	wantError(t, s.ReplaceWebhook(t.Context(), first, late), game.ErrStale)
	wantWebhook(t, s, second)

	edited = second
	edited.Version, edited.Name = 2, "edited"
	must(t, s.ReplaceWebhook(t.Context(), second, edited))
	wantWebhook(t, s, edited)
}

func deleteWebhook(t *testing.T, s game.Store) {
	w, other := newWebhook(), newWebhook()
	must(t, s.CreateWebhook(t.Context(), w))
	must(t, s.CreateWebhook(t.Context(), other))
	stale := w
	stale.Version++
	wantError(t, s.DeleteWebhook(t.Context(), stale), game.ErrStale)
	wantWebhook(t, s, w)
	must(t, s.DeleteWebhook(t.Context(), w))
	must(t, s.DeleteWebhook(t.Context(), w))
	_, err := s.Webhook(t.Context(), project, w.ID)
	wantError(t, err, game.ErrWebhookNotFound)
	wantWebhooks(t, s, project, other)
}

func listWebhooks(t *testing.T, s game.Store) {
	var all []game.Webhook
	for i := range 9 {
		w := newWebhook()
		if i%4 == 3 {
			w.Project = "elsewhere"
		}
		must(t, s.CreateWebhook(t.Context(), w))
		all = append(all, w)
	}
	for _, p := range []game.ProjectID{project, "elsewhere", "nowhere"} {
		for _, after := range []game.WebhookID{"", all[5].ID, all[0].ID} {
			for _, limit := range []int{1, 3, 100} {
				q := game.WebhookQuery{Project: p, After: after, Limit: limit}
				found, err := s.Webhooks(t.Context(), q)
				must(t, err)
				match := func(w game.Webhook) bool { return w.Project == p && (after == "" || w.ID < after) }
				if want(t, found, selected(all, limit, match, idOfWebhook)); t.Failed() {
					t.Fatalf("by %+v", q)
				}
			}
		}
	}
}

// webhookMarks checks that each change of a webhook changes its mark, and the pages of marks.
func webhookMarks(t *testing.T, s game.Store) {
	var marks []game.WebhookMark
	for i := range 9 {
		w := newWebhook()
		w.Project = oneOfTwo(i)
		w.Progress.Revision = int64(i)
		must(t, s.CreateWebhook(t.Context(), w))
		if i%3 == 1 {
			next := w
			next.Version += int64(i)
			next.Progress.Revision += 7
			must(t, s.ReplaceWebhook(t.Context(), w, next))
			w = next
		}
		marks = append(marks, w.Mark())
	}
	for limit := 1; limit <= len(marks)+1; limit++ {
		got, after := []game.WebhookMark{}, game.WebhookID("")
		for {
			page, err := s.WebhookMarks(t.Context(), after, limit)
			must(t, err)
			if got = append(got, page...); len(page) < limit {
				break
			}
			after = page[len(page)-1].ID
		}
		want(t, got, marks)
	}
}

func oneWebhookReplaceWins(t *testing.T, s game.Store) {
	w := newWebhook()
	must(t, s.CreateWebhook(t.Context(), w))
	nexts := make([]game.Webhook, 50)
	results := together(len(nexts), func(i int) error {
		nexts[i] = w
		nexts[i].Progress.Revision++
		nexts[i].Progress.Position = int64(i)
		if i%2 == 0 { // an edit of an admin
			nexts[i].Version++
		}
		return s.ReplaceWebhook(t.Context(), w, nexts[i])
	})
	wantOne(t, results, game.ErrStale)
	for i, err := range results {
		if err == nil {
			wantWebhook(t, s, nexts[i])
		}
	}
}

func exportWebhooks(t *testing.T, s game.Store) {
	var all []game.Webhook
	for i := range 20 {
		w := newWebhook()
		w.Project = oneOfTwo(i)
		must(t, s.CreateWebhook(t.Context(), w))
		all = append(all, w)
	}
	wantExported(t, all, idOfWebhook, func(ctx context.Context, after string, limit int) ([]game.Webhook, error) {
		return s.ExportWebhooks(ctx, game.WebhookID(after), limit)
	})
}

// wantDeliveries checks the records that a query finds.
func wantDeliveries(t *testing.T, s game.Store, q game.DeliveryQuery, wanted ...game.Delivery) {
	t.Helper()
	q.Project = cmp.Or(q.Project, project)
	q.Limit = cmp.Or(q.Limit, 1000)
	found, err := s.Deliveries(t.Context(), q)
	must(t, err)
	want(t, found.Items, append([]game.Delivery{}, wanted...))
}

func putDeliveries(t *testing.T, s game.Store) {
	must(t, s.PutDeliveries(t.Context(), nil))
	first, second := newDelivery("w", 1), newDelivery("w", 2)
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{first, second}))
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, second, first)

	again := newDelivery("w", 1)
	again.Status, again.Failure, again.NextAt, again.At = game.DeliveryDelivered, "", nil, *later(first.At)
	third := newDelivery("w", 3)
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{third, again}))
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, third, second, again)
}

// putDeliveriesLate stores what a process did before it was paused, after another has sent the same again.
func putDeliveriesLate(t *testing.T, s game.Store) {
	at := now()
	record := func(seq int64, at time.Time) game.Delivery {
		d := newDelivery("w", seq)
		d.At = at
		return d
	}
	newer, same, older := record(1, at), record(2, at), record(3, at)
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{newer, same, older}))
	late, again, next := record(1, at.Add(-time.Millisecond)), record(2, at), record(3, at.Add(time.Millisecond))
	fresh := record(4, at.Add(-time.Hour))
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{late, again, next, fresh}))
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, fresh, next, again, newer)
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{late}))
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, fresh, next, again, newer)
}

// putDeliveriesTogether stores records of the same deliveries at the same time. The latest of each remains.
func putDeliveriesTogether(t *testing.T, s game.Store) {
	const writers, size = 12, 5
	at := now()
	batches := make([][]game.Delivery, writers)
	for i := range batches {
		for seq := range int64(size) {
			d := newDelivery("w", seq+1)
			d.At = at.Add(time.Duration((i+int(seq))%writers) * time.Millisecond)
			batches[i] = append(batches[i], d)
		}
	}
	for _, err := range together(writers, func(i int) error { return s.PutDeliveries(t.Context(), batches[i]) }) {
		must(t, err)
	}
	var wanted []game.Delivery
	for seq := size - 1; seq >= 0; seq-- {
		wanted = append(wanted, batches[(writers-1-seq+writers)%writers][seq])
	}
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, wanted...)
}

func deliveryValues(t *testing.T, s game.Store) {
	var all []game.Delivery
	for i, text := range texts() {
		d := newDelivery("w", int64(i+1))
		d.Excerpt, d.Type = text, text
		d.At = d.At.Add(999 * time.Microsecond).In(time.FixedZone("east", 5*3600+1800))
		all = append(all, d)
	}
	must(t, s.PutDeliveries(t.Context(), all))
	for i := range all {
		all[i].At = all[i].At.UTC().Truncate(time.Millisecond)
	}
	slices.Reverse(all)
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "w"}, all...)
}

func variousDeliveries(t *testing.T, s game.Store) []game.Delivery {
	t.Helper()
	var all []game.Delivery
	at := now()
	for i := range 60 {
		d := newDelivery(game.WebhookID([]string{"w", "w0", "v"}[i%3]), int64(i+1))
		d.Status, d.At = game.DeliveryStatuses()[i%4%3], at.Add(time.Duration(i*i%60)*time.Second)
		all = append(all, d)
	}
	must(t, s.PutDeliveries(t.Context(), all))
	return all
}

func listDeliveries(t *testing.T, s game.Store) {
	all := variousDeliveries(t, s)
	for _, w := range []game.WebhookID{"w", "w0", "none"} {
		for _, status := range append(game.DeliveryStatuses(), "") {
			for _, after := range []string{"", game.DeliveryID(w, 30), game.DeliveryID(w, 1), w2(w)} {
				for _, limit := range []int{1, 4, 100} {
					q := game.DeliveryQuery{Webhook: w, Status: status, After: after, Limit: limit}
					match := func(d game.Delivery) bool {
						return d.Webhook == w && (status == "" || d.Status == status) && (after == "" || d.ID < after)
					}
					q.Project = project
					found, err := s.Deliveries(t.Context(), q)
					must(t, err)
					want(t, found, selected(all, limit, match, idOfDelivery))
				}
			}
		}
	}
	wantDeliveries(t, s, game.DeliveryQuery{Project: "elsewhere", Webhook: "w"})
}

// w2 is greater than all ids of a webhook's deliveries.
func w2(w game.WebhookID) string { return string(w) + "0" }

func trimDeliveries(t *testing.T, s game.Store) {
	all := variousDeliveries(t, s)
	q := game.DeliveryQuery{Project: project, Webhook: "w", Status: game.DeliveryDelivered, Limit: 1}
	own := func(d game.Delivery) bool { return d.Webhook == q.Webhook && d.Status == q.Status }
	mine := selected(all, 100, own, idOfDelivery).Items
	for wanted := range 3 {
		q.Limit = wanted + 1
		n, err := s.TrimDeliveries(t.Context(), q, 4)
		must(t, err)
		if n != min(q.Limit, len(mine)-4) {
			t.Errorf("removed %d of %d, at most %d", n, len(mine), q.Limit)
		}
		oldest := mine[len(mine)-n:] // of those that are too many, in any order
		mine = remaining(t, s, q, mine, oldest)
	}
	q.Limit = 100
	_, err := s.TrimDeliveries(t.Context(), q, 4)
	must(t, err)
	wantDeliveries(t, s, q, mine[:4]...)
	n, err := s.TrimDeliveries(t.Context(), q, 4)
	must(t, err)
	others := selected(all, 100, func(d game.Delivery) bool { return d.Webhook == "v" }, idOfDelivery).Items
	wantDeliveries(t, s, game.DeliveryQuery{Webhook: "v"}, others...)
	if n != 0 {
		t.Errorf("removed %d more", n)
	}
}

// remaining returns the records that are left of those of a query, and checks that as many are missing as were removed,
// none of them among the newest four.
func remaining(
	t *testing.T, s game.Store, q game.DeliveryQuery, before, removed []game.Delivery,
) []game.Delivery {
	t.Helper()
	q.Limit = 100
	found, err := s.Deliveries(t.Context(), q)
	must(t, err)
	left := found.Items
	if len(left) != len(before)-len(removed) {
		t.Fatalf("%d are left of %d without %d", len(left), len(before), len(removed))
	}
	want(t, left[:4], before[:4])
	return left
}

func purgeDeliveries(t *testing.T, s game.Store) {
	all := variousDeliveries(t, s)
	times := make([]time.Time, len(all))
	for i, d := range all {
		times[i] = d.At
	}
	slices.SortFunc(times, time.Time.Compare)
	before := times[20]
	old := 0
	for old < len(times) && times[old].Before(before) {
		old++
	}
	n, err := s.PurgeDeliveries(t.Context(), before, 3)
	must(t, err)
	if n != 3 {
		t.Errorf("removed %d, want 3", n)
	}
	n, err = s.PurgeDeliveries(t.Context(), before, 100)
	must(t, err)
	if n != old-3 {
		t.Errorf("removed %d, want the other %d", n, old-3)
	}
	left := slices.DeleteFunc(slices.Clone(all), func(d game.Delivery) bool { return d.At.Before(before) })
	wantExported(t, left, idOfDelivery, s.ExportDeliveries)
}

func exportDeliveries(t *testing.T, s game.Store) {
	wantExported(t, variousDeliveries(t, s), idOfDelivery, s.ExportDeliveries)
}

func changeWebhooks(t *testing.T, s game.Store) {
	old, gone := newWebhook(), newWebhook()
	must(t, s.CreateWebhook(t.Context(), old))
	must(t, s.CreateWebhook(t.Context(), gone))
	next := newWebhook()
	next.ID, next.Version = old.ID, 2
	must(t, s.ReplaceWebhook(t.Context(), old, next))
	must(t, s.DeleteWebhook(t.Context(), gone))
	variousDeliveries(t, s)
	again := newDelivery("w", 1)
	again.At = *later(again.At)
	must(t, s.PutDeliveries(t.Context(), []game.Delivery{again}))
}
