package tests_test

import (
	"slices"
	"testing"
	"time"

	"game-session-manager/client"
)

// When the process dies that orders events and delivers them, another does both within 15 seconds.
func TestWebhooksAreTakenOver(t *testing.T) {
	t.Parallel()
	only(t, mongodb)
	const promised, room = 15 * time.Second, 5 * time.Second // room is for a slow machine
	first := start(t, withWebhooks)
	r := newReceiver(t)
	first.newWebhook(t, r, client.WebhookSettings{})
	v := first.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	eventually(t, "the first process delivers", func() bool { return slices.Contains(r.of(v.ID), 1) })
	second := start(t, withWebhooks, onDatabase(first.database))
	for _, task := range []string{"tend_events", "deliver_webhooks"} {
		eventually(t, task+" is on standby in the second", func() bool {
			health := second.do(t, "GET /health/detailed", "").json().object("components").object("background")
			return health.object("tasks").object(task)["status"] == "standby"
		})
	}
	first.kill()
	killed := time.Now()
	second.toggle(t, v.ID, 1)
	eventually(t, "the second process delivers", func() bool { return slices.Contains(r.of(v.ID), 2) })
	took := time.Since(killed)
	t.Logf("the next delivery came %v after the end of the process", took.Round(time.Millisecond))
	if took > promised+room {
		t.Errorf("it took %v", took)
	}
}
