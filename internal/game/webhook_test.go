package game_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"https://a.example": true, "https://a.example:8443/x?y=z": true, "http://a.example": true,
		"HTTPS://A.EXAMPLE": true, "https://[2001:db8::1]/": true,
		"": false, "a.example": false, "/hooks": false, "https://": false, "https:///x": false,
		"ftp://a.example": false,
		"https:a.example": false, "https://u:p@a.example": false, "https://u@a.example": false,
		"https://a.example/#x": false, "https://a.example/%zz": false, "javascript:alert(1)": false,
		"https://" + strings.Repeat("a", game.MaxWebhookURL): false, "https://a.example/\x00": false,
	} {
		err := game.WebhookSettings{URL: url}.Validate()
		if (err == nil) != good {
			t.Errorf("%q: %v, want valid: %t", url, err, good)
		}
	}
	for name, s := range map[string]game.WebhookSettings{
		"types":    {URL: "https://a.example", Types: []game.ChangeType{"member_joined", "made_up"}},
		"subjects": {URL: "https://a.example", Subjects: []game.SubjectKind{"made_up"}},
		"name":     {URL: "https://a.example", Name: strings.Repeat("n", game.MaxWebhookName+1)},
	} {
		if err := rejected(t, s.Validate(), game.ErrValidation); len(err.Fields) != 1 || err.Fields[0].Field != name {
			t.Errorf("%s: %+v", name, err.Fields)
		}
	}
}

// event returns an event of a session at a place in the feed.
func eventAt(subject string, version, seq int64, changes ...game.Change) game.Event {
	return game.Event{
		Project: game.DefaultProject, Subject: game.Subject{Kind: game.SubjectSession, ID: subject}, Version: version,
		Seq: seq, Changes: changes,
	}
}

func TestWebhookFilters(t *testing.T) {
	t.Parallel()
	joined := eventAt("s", 2, 2, game.SettingsChanged{}, game.MemberJoined{})
	for name, c := range map[string]struct {
		types    []game.ChangeType
		subjects []game.SubjectKind
		wanted   bool
	}{
		"all":              {nil, nil, true},
		"one of its types": {[]game.ChangeType{"member_joined"}, nil, true},
		"another type":     {[]game.ChangeType{"member_left"}, nil, false},
		"its subject":      {nil, []game.SubjectKind{game.SubjectPlayer, game.SubjectSession}, true},
		"another subject":  {[]game.ChangeType{"member_joined"}, []game.SubjectKind{game.SubjectPlayer}, false},
	} {
		w := game.Webhook{WebhookSettings: game.WebhookSettings{Types: c.types, Subjects: c.subjects}}
		if got := game.NewPass(w, "epoch").Wants(&joined); got != c.wanted {
			t.Errorf("%s: %t", name, got)
		}
	}
	if got := game.MessageType(&joined); got != "session.settings_changed" {
		t.Errorf("the type is %s", got)
	}
	if id := game.MessageID(&joined, "epoch1"); strings.Contains(id, ".") || id != "session_s_epoch1_2" {
		t.Errorf("the id is %s", id)
	}
}

// What a process with a clock behind that of the one before it records is later than what that one recorded.
func TestDeliveryByAnotherClock(t *testing.T) {
	t.Parallel()
	e, before := eventAt("s", 3, 7), t0.Add(game.ClockSkew)
	item := retried("s", 3, 7)
	item.LastAt, item.DueAt = before, t0.Add(-time.Second)
	p := game.NewPass(game.Webhook{ID: "w"}, "epoch")
	p.Settle(item, &e, game.WebhookAttempt{Failure: game.FailedStatus, Status: 503}, t0, 0)
	if got := p.Progress().Waiting[0]; got.LastAt.Before(before) || !got.DueAt.After(t0) {
		t.Errorf("waits as %+v", got)
	}
}

func retried(subject string, version, seq int64) game.WaitingDelivery {
	return game.WaitingDelivery{
		Subject: game.Subject{Kind: game.SubjectSession, ID: subject}, Version: version, Seq: seq,
	}
}

// An event is sent again after times that grow to a day, nine times in all, and is a dead letter then.
func TestDeliveryAttempts(t *testing.T) {
	t.Parallel()
	e := eventAt("s", 3, 7)
	failed := game.WebhookAttempt{Failure: game.FailedStatus, Status: 503, Excerpt: strings.Repeat("é", 400)}
	var waits []time.Duration
	for _, random := range []float64{0, .999} {
		p := game.NewPass(game.Webhook{ID: "w"}, "epoch")
		item, at := retried("s", 3, 7), t0
		for n := 1; ; n++ {
			if done := p.Settle(item, &e, failed, at, random); done != (n == game.MaxDeliveryAttempts) {
				t.Fatalf("dealt with after %d attempts: %t", n, done)
			} else if done {
				break
			}
			item = p.Progress().Waiting[0]
			if item.Attempts != n || !item.LastAt.Equal(at) || !p.Progress().Waits(item.Subject) {
				t.Fatalf("waits as %+v", item)
			}
			wait := item.DueAt.Sub(at)
			early := p.Progress().Due(item.DueAt.Add(-time.Millisecond), 9)
			if len(early) > 0 || len(p.Progress().Due(item.DueAt, 9)) != 1 {
				t.Errorf("attempt %d is not due at %v", n, item.DueAt)
			}
			waits, at = append(waits, wait), item.DueAt
		}
		if len(p.Progress().Waiting) > 0 {
			t.Errorf("a dead letter waits: %+v", p.Progress())
		}
	}
	least, most := waits[:len(waits)/2], waits[len(waits)/2:]
	for i := range least {
		if want := min(5*time.Second<<(2*i), game.MaxRetry); least[i] != want || most[i] <= want || most[i] > want*6/5 {
			t.Errorf("after attempt %d: %v to %v, want %v and up to a fifth more", i+1, least[i], most[i], want)
		}
	}
}

// Of one subject one event is due at a time, the first.
func TestDueDeliveries(t *testing.T) {
	t.Parallel()
	p := game.NewPass(game.Webhook{}, "epoch")
	for _, d := range []game.WaitingDelivery{
		retried("b", 4, 9), retried("a", 1, 2), retried("a", 2, 5), retried("c", 1, 1),
	} {
		d.Alone, d.DueAt = d.Subject.ID == "a", t0
		if d.Subject.ID == "c" {
			d.DueAt = later(60)
		}
		p.Keep(d)
	}
	p.Keep(retried("b", 4, 9)) // again
	var due []int64
	for _, d := range p.Progress().Due(t0, 10) {
		due = append(due, d.Seq)
	}
	equal(t, []int64{2, 9}, due)
	equal(t, 1, len(p.Progress().Due(t0, 1)))
	if p.Progress().Waits(retried("a", 0, 0).Subject) || !p.Progress().Waits(retried("b", 0, 0).Subject) {
		t.Error("replayed events hold up others, or failing ones do not")
	}
}

// hooks returns the rules about webhooks with a sender, for an admin.
func (p process) hooks(send func(game.WebhookMessage) game.WebhookAttempt) *game.Webhooks {
	return game.NewWebhooks(game.Deps{
		Store: p.store, Now: p.clock.Now, MaxRequest: maxRequest,
		NewID: func() string { return testID(int(p.ids.Add(1))) },
	}, game.WebhookDeps{Vault: plainVault{}, Sender: senderFunc(send)})
}

type plainVault struct{}

func (plainVault) Seal(id, secret string) string { return id + "|" + secret }

func (plainVault) Open(id, sealed string) (string, error) {
	secret, ok := strings.CutPrefix(sealed, id+"|")
	if !ok {
		return "", game.ErrInternal
	}
	return secret, nil
}

type senderFunc func(game.WebhookMessage) game.WebhookAttempt

func (f senderFunc) Send(_ context.Context, m game.WebhookMessage) game.WebhookAttempt { return f(m) }

// After a rotation both secrets sign for the overlap. http is rejected, and so is a webhook too many.
func TestWebhookRotation(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	var sent game.WebhookMessage
	rules := p.hooks(func(m game.WebhookMessage) game.WebhookAttempt { sent = m; return game.WebhookAttempt{} })
	_, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "http://a.example"})
	rejected(t, err, game.ErrValidation)
	w, first, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	w, second, err := rules.Rotate(p.ctx, w.ID, time.Hour)
	ok(t, err)
	if fmt.Sprint(first, second) == "" || strings.Contains(fmt.Sprintf("%v %+v", first, second), first.Reveal()) {
		t.Error("a secret is printed")
	}
	signed := func() []string {
		_, err := rules.Test(p.ctx, w.ID)
		ok(t, err)
		return sent.Secrets
	}
	equal(t, []string{second.Reveal(), first.Reveal()}, signed())
	p.clock.add(time.Hour)
	equal(t, []string{second.Reveal()}, signed())
	// One of several rotations within the overlap leaves the secrets that receivers may have, three at most.
	secrets := []string{second.Reveal()}
	for i := range 5 {
		var next game.WebhookSecret
		w, next, err = rules.Rotate(p.ctx, w.ID, time.Hour)
		ok(t, err)
		secrets = append([]string{next.Reveal()}, secrets...)
		equal(t, secrets[:min(i+2, 4)], signed())
		equal(t, p.clock.Now().UTC().Add(time.Hour), w.PreviousUntil().UTC())
		p.clock.add(time.Minute)
	}
	p.clock.add(time.Hour - 2*time.Minute) // the last of the old ones signs for another minute
	equal(t, secrets[:2], signed())
	w, next, err := rules.Rotate(p.ctx, w.ID, time.Minute)
	ok(t, err)
	equal(t, []string{next.Reveal(), secrets[0], secrets[1]}, signed())
	equal(t, 2, len(w.Previous)) // those that have expired are gone
	_, third, err := rules.Rotate(p.ctx, w.ID, 0)
	ok(t, err)
	equal(t, []string{third.Reveal()}, signed())
	_, _, err = rules.Rotate(p.ctx, w.ID, game.MaxWebhookOverlap+1)
	rejected(t, err, game.ErrValidation)
	for range game.MaxWebhooks - 1 {
		_, _, err = rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
		ok(t, err)
	}
	_, _, err = rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	rejected(t, err, game.ErrTooManyWebhooks)
}

// A webhook is disabled after five days and twenty attempts without a success, or by 410, by the system.
func TestWebhookIsDisabled(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	rules := p.hooks(nil)
	w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	pass := func(attempts int, failure game.WebhookFailure, status int) game.WebhookReason {
		t.Helper()
		pass := game.NewPass(w, "epoch")
		for i := range attempts {
			e := eventAt(fmt.Sprint("s", i), 1, int64(i+1))
			tried := game.WebhookAttempt{Failure: failure, Status: status}
			pass.Settle(retried(e.Subject.ID, 1, e.Seq), &e, tried, p.clock.Now(), 0)
		}
		next, reason, err := rules.Store(p.ctx, pass)
		ok(t, err)
		w = next
		return reason
	}
	equal(t, "", pass(19, game.FailedTimeout, 0))
	p.clock.add(game.DisableAfter)
	equal(t, "", pass(1, "", 200)) // which ends the failures
	if w.Progress.FailingSince != nil || w.Progress.Failures != 0 || w.Progress.RecoveredAt == nil {
		t.Errorf("after a success: %+v", w.Progress)
	}
	if due := len(w.Progress.Due(p.clock.Now(), 100)); due != 18 {
		t.Errorf("%d are due after the outage, want 18", due)
	}
	equal(t, "", pass(19, game.FailedTimeout, 0))
	p.clock.add(game.DisableAfter - time.Millisecond)
	equal(t, "", pass(1, game.FailedTimeout, 0))
	p.clock.add(time.Millisecond)
	equal(t, game.WebhookFailing, pass(1, game.FailedTimeout, 0))
	if !w.Disabled || w.DisabledReason != game.WebhookFailing || w.Version != 2 {
		t.Errorf("the webhook is %+v", w)
	}
	events, err := p.store.Timeline(p.ctx, game.TimelineQuery{
		Project: w.Project, Subject: game.Subject{Kind: game.SubjectWebhook, ID: string(w.ID)}, Limit: 1,
	})
	ok(t, err)
	equal(t, game.Actor{Kind: game.ActorSystem, ID: "deliver_webhooks"}, events[0].Actor)

	w, err = rules.Edit(p.ctx, w.ID, nil, func(s game.WebhookSettings) game.WebhookSettings {
		s.Disabled = false
		return s
	})
	ok(t, err)
	equal(t, "", pass(20, game.FailedTimeout, 0)) // it has as long as a new one
	equal(t, game.WebhookGone, pass(1, game.FailedStatus, 410))
}

// Sessions whose events are always rejected do not use up their attempts because the receiver accepts others meanwhile.
func TestPoisonBesideOthers(t *testing.T) {
	t.Parallel()
	for step, most := range map[int]int{1: 3, 120: 6} { // seconds between a failing pass and one that succeeds
		p := newWorld(t).start()
		rules := p.hooks(nil)
		w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
		ok(t, err)
		store := func(pass *game.Pass) {
			t.Helper()
			w, _, err = rules.Store(p.ctx, pass)
			ok(t, err)
		}
		pass := game.NewPass(w, "epoch")
		for i := range int64(30) {
			pass.Keep(retried(fmt.Sprint("s", i), 1, i+1))
		}
		store(pass)
		early := 0
		for round := range int64(20) {
			pass = game.NewPass(w, "epoch")
			for _, d := range pass.Progress().Due(p.clock.Now(), 100) {
				if d.DueAt.After(p.clock.Now()) {
					early++
				}
				e := eventAt(d.Subject.ID, d.Version, d.Seq)
				pass.Settle(d, &e, game.WebhookAttempt{Failure: game.FailedStatus, Status: 400}, p.clock.Now(), 0)
			}
			store(pass)
			p.clock.add(time.Duration(step) * time.Second)
			pass = game.NewPass(w, "epoch")
			good := eventAt("good", round+1, 100+round)
			pass.Settle(retried("good", round+1, 100+round), &good, game.WebhookAttempt{}, p.clock.Now(), 0)
			store(pass)
		}
		equal(t, 30, len(w.Progress.Waiting))
		for _, d := range w.Progress.Waiting {
			if d.Attempts < 2 || d.Attempts > most {
				t.Errorf("every %d s: %d attempts, want at most %d", step, d.Attempts, most)
			}
		}
		if (early > 0) != (step >= 60) {
			t.Errorf("every %d s: %d were sent early", step, early)
		}
	}
}

// While a receiver does not work and as many wait as may, one of them is sent every five minutes, a different one each
// time, and costs no attempt. The first that succeeds makes all due, and so does a new URL or enabling the webhook.
func TestReceiverIsProbed(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	rules := p.hooks(nil)
	w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	attempt := func(failure game.WebhookFailure) []int64 {
		t.Helper()
		pass := game.NewPass(w, "epoch")
		var sent []int64
		for _, d := range pass.Progress().Due(p.clock.Now(), 1000) {
			e := eventAt(d.Subject.ID, d.Version, d.Seq)
			pass.Settle(d, &e, game.WebhookAttempt{Failure: failure}, p.clock.Now(), 0)
			sent = append(sent, d.Seq)
		}
		w, _, err = rules.Store(p.ctx, pass)
		ok(t, err)
		return sent
	}
	fail := func() {
		t.Helper()
		pass := game.NewPass(w, "epoch")
		pass.Progress().Waiting = nil
		for i := range int64(250) {
			d := retried(fmt.Sprint("s", i), 1, i+1)
			d.Attempts, d.LastAt = 6, p.clock.Now().UTC()
			d.DueAt = d.LastAt.Add(game.MaxRetry)
			pass.Keep(d)
			e := eventAt(d.Subject.ID, 1, i+1)
			pass.Settle(d, &e, game.WebhookAttempt{Failure: game.FailedTimeout}, p.clock.Now(), 0)
		}
		w, _, err = rules.Store(p.ctx, pass)
		ok(t, err)
		if w.Progress.HasRoom() || w.Progress.Failures < 250 {
			t.Fatalf("%d failures, with room", w.Progress.Failures)
		}
	}
	fail()
	for n := range int64(3) {
		p.clock.add(5*time.Minute - time.Millisecond)
		equal(t, 0, len(w.Progress.Due(p.clock.Now(), 10)))
		p.clock.add(time.Millisecond)
		equal(t, []int64{n + 1}, attempt(game.FailedTimeout))
		equal(t, 6, w.Progress.Waiting[n].Attempts)
	}
	p.clock.add(5 * time.Minute)
	equal(t, []int64{4}, attempt(""))
	equal(t, 249, len(attempt("")))
	type edit = func(game.WebhookSettings) game.WebhookSettings
	disabled := func(yes bool) edit {
		return func(s game.WebhookSettings) game.WebhookSettings { s.Disabled = yes; return s }
	}
	for name, changes := range map[string][]edit{
		"url":     {func(s game.WebhookSettings) game.WebhookSettings { s.URL += "/mended"; return s }},
		"enabled": {disabled(true), disabled(false)},
	} {
		fail()
		p.clock.add(time.Second)
		equal(t, 0, len(w.Progress.Due(p.clock.Now(), 10)))
		for _, change := range changes {
			w, err = rules.Edit(p.ctx, w.ID, nil, change)
			ok(t, err)
		}
		if due := len(w.Progress.Due(p.clock.Now(), 1000)); due != 250 || w.Progress.FailingSince != nil {
			t.Errorf("%s: %d are due, failing since %v", name, due, w.Progress.FailingSince)
		}
		equal(t, 250, len(attempt("")))
	}
}

// Whoever has old progress cannot store what it did, but an edit meanwhile does no harm.
func TestWebhookProgress(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	rules := p.hooks(nil)
	w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	reach := func(w game.Webhook, position int64) (game.Webhook, error) {
		pass := game.NewPass(w, "epoch")
		pass.Reach(position)
		next, _, err := rules.Store(p.ctx, pass)
		return next, err
	}
	edited, err := rules.Edit(p.ctx, w.ID, nil, func(s game.WebhookSettings) game.WebhookSettings {
		s.Name = "edited"
		return s
	})
	ok(t, err)
	next, err := reach(w, 10)
	ok(t, err)
	if next.Name != "edited" || next.Version != edited.Version || next.Progress.Position != 10 {
		t.Errorf("stored %+v", next)
	}
	_, err = reach(w, 5)
	if !errors.Is(err, game.ErrStale) {
		t.Errorf("old progress: %v", err)
	}
	_, err = reach(edited, 5)
	if !errors.Is(err, game.ErrStale) {
		t.Errorf("old progress: %v", err)
	}
	back, err := reach(next, 7) // never back
	ok(t, err)
	equal(t, int64(10), back.Progress.Position)
	// What a pass passed over by the old filter may be wanted now.
	for _, change := range []func(*game.WebhookSettings){
		func(s *game.WebhookSettings) { s.Types = []game.ChangeType{"member_left"} },
		func(s *game.WebhookSettings) { s.Subjects = []game.SubjectKind{game.SubjectSession} },
	} {
		edited, err := rules.Edit(p.ctx, w.ID, nil, func(s game.WebhookSettings) game.WebhookSettings {
			change(&s)
			return s
		})
		ok(t, err)
		if _, err = reach(back, 20); !errors.Is(err, game.ErrStale) {
			t.Errorf("progress by the old filter: %v", err)
		}
		back = edited
	}
}

// Dead letters are replayed, once each, and at most 200 wait. Those do not hold up other events.
func TestReplays(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	rules := p.hooks(nil)
	w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	var records []game.Delivery
	for i := range int64(450) {
		records = append(records, game.Delivery{
			ID: game.DeliveryID(w.ID, i+1), Project: w.Project, Webhook: w.ID, Seq: i + 1, Version: i + 1, At: t0,
			Subject: game.Subject{Kind: game.SubjectSession, ID: fmt.Sprint(i)}, Status: game.DeliveryDead,
		})
	}
	ok(t, p.store.PutDeliveries(p.ctx, records))
	replay := func(ids ...string) (int, error) {
		return rules.Replay(p.ctx, w.ID, game.ReplayRequest{Deliveries: ids})
	}
	n, err := replay()
	ok(t, err)
	equal(t, game.MaxReplay, n)
	n, err = replay(records[449].ID, records[0].ID, "w/1", records[1].ID+"0")
	ok(t, err)
	equal(t, 1, n) // the other waits already, or does not exist
	ids := func(part []game.Delivery) (ids []string) {
		for _, d := range part {
			ids = append(ids, d.ID)
		}
		return ids
	}
	_, err = replay(ids(records[1:101])...)
	rejected(t, err, game.ErrWebhookBusy)
	n, err = replay(ids(records[1:100])...)
	ok(t, err)
	equal(t, 99, n)
	_, err = replay(records[100].ID)
	rejected(t, err, game.ErrWebhookBusy)
	_, err = replay(slices.Repeat([]string{"x"}, game.MaxReplay+1)...)
	rejected(t, err, game.ErrValidation)
	_, err = rules.Replay(p.ctx, "00000000-0000-7000-8000-000000000000", game.ReplayRequest{})
	rejected(t, err, game.ErrWebhookNotFound)
	w, err = rules.Get(p.ctx, w.ID)
	ok(t, err)
	if !w.Progress.Waiting[0].Alone || len(w.Progress.Waiting) != 200 {
		t.Errorf("%d wait, the first as %+v", len(w.Progress.Waiting), w.Progress.Waiting[0])
	}
	pass := game.NewPass(w, "epoch")
	for i := range int64(250) {
		if !pass.Progress().HasRoom() {
			t.Fatalf("no room with %d subjects that wait", i)
		}
		pass.Keep(retried(fmt.Sprint("waits", i), 1, 1000+i))
	}
	if pass.Progress().HasRoom() {
		t.Error("room for more than 250 subjects")
	}
}

// Old records are removed, and too many.
func TestPurgeOfDeliveries(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	rules := p.hooks(nil)
	w, _, err := rules.Create(p.ctx, game.WebhookSettings{URL: "https://a.example"})
	ok(t, err)
	at := p.clock.Now().UTC().Truncate(time.Millisecond)
	var records []game.Delivery
	for i := range int64(game.DeliveriesKept + 20) {
		d := game.Delivery{
			ID: game.DeliveryID(w.ID, i+1), Project: w.Project, Webhook: w.ID, Seq: i + 1, At: at,
			Status: game.DeliveryDelivered,
		}
		if i%100 == 0 {
			d.Status, d.At = game.DeliveryDead, at.Add(-game.DeliveryRetention)
		}
		records = append(records, d)
	}
	for part := range slices.Chunk(records, game.MaxDeliveryBatch) {
		ok(t, p.store.PutDeliveries(p.ctx, part))
	}
	ok(t, rules.Purge(p.ctx))
	left, err := p.store.ExportDeliveries(p.ctx, "", 5000)
	ok(t, err)
	equal(t, game.DeliveriesKept+11, len(left)) // and the dead letters, which are as old as they may be
	p.clock.add(time.Millisecond)
	ok(t, rules.Purge(p.ctx))
	left, err = p.store.ExportDeliveries(p.ctx, "", 5000)
	ok(t, err)
	equal(t, game.DeliveriesKept, len(left))
	equal(t, records[len(records)-1].ID, left[len(left)-1].ID)
}
