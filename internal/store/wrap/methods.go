// Code generated from package game by go generate. DO NOT EDIT.

package wrap

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

func (st *store) CreatePlayer(ctx context.Context, p game.Player, events ...game.Event) error {
	operation := Operation{Method: "CreatePlayer", Label: "create_player", Collection: "players"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.CreatePlayer(ctx, p, events...)
	})
}

func (st *store) DeletePlayer(ctx context.Context, old game.Player) error {
	operation := Operation{Method: "DeletePlayer", Label: "delete_player", Collection: "players"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeletePlayer(ctx, old)
	})
}

func (st *store) EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]game.Player, error) {
	operation := Operation{Method: "EndedSuspensions", Label: "list_ended_suspensions", Collection: "players"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Player, error) {
		return st.inner.EndedSuspensions(ctx, now, limit)
	})
}

func (st *store) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	operation := Operation{Method: "Player", Label: "get_player", Collection: "players"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Player, error) {
		return st.inner.Player(ctx, project, id)
	})
}

func (st *store) PlayerByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error) {
	operation := Operation{Method: "PlayerByIdentity", Label: "get_player_by_identity", Collection: "players"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Player, error) {
		return st.inner.PlayerByIdentity(ctx, project, i)
	})
}

func (st *store) Players(ctx context.Context, q game.PlayerQuery) (game.Found[game.Player], error) {
	operation := Operation{Method: "Players", Label: "list_players", Collection: "players"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Found[game.Player], error) {
		return st.inner.Players(ctx, q)
	})
}

func (st *store) ReplacePlayer(ctx context.Context, old game.Player, next game.Player, events ...game.Event) error {
	operation := Operation{Method: "ReplacePlayer", Label: "replace_player", Collection: "players"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.ReplacePlayer(ctx, old, next, events...)
	})
}

func (st *store) CreateSession(ctx context.Context, s game.Session, events ...game.Event) error {
	operation := Operation{Method: "CreateSession", Label: "create_session", Collection: "sessions"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.CreateSession(ctx, s, events...)
	})
}

func (st *store) DeleteSession(ctx context.Context, old game.Session) error {
	operation := Operation{Method: "DeleteSession", Label: "delete_session", Collection: "sessions"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeleteSession(ctx, old)
	})
}

func (st *store) DueSessions(ctx context.Context, now time.Time, after game.DueSession, limit int) ([]game.DueSession, error) {
	operation := Operation{Method: "DueSessions", Label: "list_due_sessions", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.DueSession, error) {
		return st.inner.DueSessions(ctx, now, after, limit)
	})
}

func (st *store) ExclusivePlaces(ctx context.Context, project game.ProjectID, players []game.PlayerID) ([]game.ExclusivePlace, error) {
	operation := Operation{Method: "ExclusivePlaces", Label: "list_exclusive_places", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.ExclusivePlace, error) {
		return st.inner.ExclusivePlaces(ctx, project, players)
	})
}

func (st *store) Pulses(ctx context.Context, project game.ProjectID, ids []game.SessionID) ([]game.Pulse, error) {
	operation := Operation{Method: "Pulses", Label: "list_pulses", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Pulse, error) {
		return st.inner.Pulses(ctx, project, ids)
	})
}

func (st *store) PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error) {
	operation := Operation{Method: "PurgeSessions", Label: "purge_sessions", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.PurgeSessions(ctx, before, limit)
	})
}

func (st *store) ReplaceSession(ctx context.Context, old game.Session, next game.Session, events ...game.Event) error {
	operation := Operation{Method: "ReplaceSession", Label: "replace_session", Collection: "sessions"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.ReplaceSession(ctx, old, next, events...)
	})
}

func (st *store) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	operation := Operation{Method: "SearchSessions", Label: "search_sessions", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Hits, error) {
		return st.inner.SearchSessions(ctx, q)
	})
}

func (st *store) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (game.Session, error) {
	operation := Operation{Method: "Session", Label: "get_session", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Session, error) {
		return st.inner.Session(ctx, project, id)
	})
}

func (st *store) SessionByJoinCode(ctx context.Context, project game.ProjectID, code string) (game.SessionID, error) {
	operation := Operation{Method: "SessionByJoinCode", Label: "session_by_join_code", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) (game.SessionID, error) {
		return st.inner.SessionByJoinCode(ctx, project, code)
	})
}

func (st *store) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	operation := Operation{Method: "Sessions", Label: "list_sessions", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Found[game.Session], error) {
		return st.inner.Sessions(ctx, q)
	})
}

func (st *store) DeleteLease(ctx context.Context, old game.Lease) error {
	operation := Operation{Method: "DeleteLease", Label: "delete_lease", Collection: "leases"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeleteLease(ctx, old)
	})
}

func (st *store) DueLeases(ctx context.Context, now time.Time, after game.Lease, limit int) ([]game.Lease, error) {
	operation := Operation{Method: "DueLeases", Label: "list_due_leases", Collection: "leases"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Lease, error) {
		return st.inner.DueLeases(ctx, now, after, limit)
	})
}

func (st *store) Leases(ctx context.Context, ids []game.LeaseID) ([]game.Lease, error) {
	operation := Operation{Method: "Leases", Label: "list_leases", Collection: "leases"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Lease, error) {
		return st.inner.Leases(ctx, ids)
	})
}

func (st *store) RenewLeases(ctx context.Context, leases []game.Lease) (renewed []bool, err error) {
	operation := Operation{Method: "RenewLeases", Label: "renew_leases", Collection: "leases"}
	return read(ctx, st, operation, func(ctx context.Context) ([]bool, error) {
		return st.inner.RenewLeases(ctx, leases)
	})
}

func (st *store) ReplaceLease(ctx context.Context, old game.Lease, next game.Lease) error {
	operation := Operation{Method: "ReplaceLease", Label: "replace_lease", Collection: "leases"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.ReplaceLease(ctx, old, next)
	})
}

func (st *store) Claim(ctx context.Context, c game.Claim, now time.Time) (game.Claim, error) {
	operation := Operation{Method: "Claim", Label: "claim", Collection: "idempotency"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Claim, error) {
		return st.inner.Claim(ctx, c, now)
	})
}

func (st *store) PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error) {
	operation := Operation{Method: "PurgeClaims", Label: "purge_claims", Collection: "idempotency"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.PurgeClaims(ctx, now, limit)
	})
}

func (st *store) CreateKey(ctx context.Context, k game.Key, events ...game.Event) error {
	operation := Operation{Method: "CreateKey", Label: "create_key", Collection: "api_keys"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.CreateKey(ctx, k, events...)
	})
}

func (st *store) DeleteKey(ctx context.Context, old game.Key) error {
	operation := Operation{Method: "DeleteKey", Label: "delete_key", Collection: "api_keys"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeleteKey(ctx, old)
	})
}

func (st *store) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	operation := Operation{Method: "Key", Label: "get_key", Collection: "api_keys"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Key, error) {
		return st.inner.Key(ctx, id)
	})
}

func (st *store) Keys(ctx context.Context, q game.KeyQuery) ([]game.Key, error) {
	operation := Operation{Method: "Keys", Label: "list_keys", Collection: "api_keys"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Key, error) {
		return st.inner.Keys(ctx, q)
	})
}

func (st *store) ReplaceKey(ctx context.Context, old game.Key, next game.Key, events ...game.Event) error {
	operation := Operation{Method: "ReplaceKey", Label: "replace_key", Collection: "api_keys"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.ReplaceKey(ctx, old, next, events...)
	})
}

func (st *store) CreateSigningKey(ctx context.Context, k game.SigningKey) error {
	operation := Operation{Method: "CreateSigningKey", Label: "create_signing_key", Collection: "signing_keys"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.CreateSigningKey(ctx, k)
	})
}

func (st *store) DeleteSigningKey(ctx context.Context, id string) error {
	operation := Operation{Method: "DeleteSigningKey", Label: "delete_signing_key", Collection: "signing_keys"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeleteSigningKey(ctx, id)
	})
}

func (st *store) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	operation := Operation{Method: "SigningKeys", Label: "list_signing_keys", Collection: "signing_keys"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.SigningKey, error) {
		return st.inner.SigningKeys(ctx)
	})
}

func (st *store) CreateWebhook(ctx context.Context, w game.Webhook, events ...game.Event) error {
	operation := Operation{Method: "CreateWebhook", Label: "create_webhook", Collection: "webhooks"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.CreateWebhook(ctx, w, events...)
	})
}

func (st *store) DeleteWebhook(ctx context.Context, old game.Webhook) error {
	operation := Operation{Method: "DeleteWebhook", Label: "delete_webhook", Collection: "webhooks"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.DeleteWebhook(ctx, old)
	})
}

func (st *store) Deliveries(ctx context.Context, q game.DeliveryQuery) (game.Found[game.Delivery], error) {
	operation := Operation{Method: "Deliveries", Label: "list_deliveries", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Found[game.Delivery], error) {
		return st.inner.Deliveries(ctx, q)
	})
}

func (st *store) PurgeDeliveries(ctx context.Context, before time.Time, limit int) (int, error) {
	operation := Operation{Method: "PurgeDeliveries", Label: "purge_deliveries", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.PurgeDeliveries(ctx, before, limit)
	})
}

func (st *store) PutDeliveries(ctx context.Context, records []game.Delivery) error {
	operation := Operation{Method: "PutDeliveries", Label: "put_deliveries", Collection: "webhooks"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.PutDeliveries(ctx, records)
	})
}

func (st *store) ReplaceWebhook(ctx context.Context, old game.Webhook, next game.Webhook, events ...game.Event) error {
	operation := Operation{Method: "ReplaceWebhook", Label: "replace_webhook", Collection: "webhooks"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.ReplaceWebhook(ctx, old, next, events...)
	})
}

func (st *store) TrimDeliveries(ctx context.Context, q game.DeliveryQuery, keep int) (int, error) {
	operation := Operation{Method: "TrimDeliveries", Label: "trim_deliveries", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.TrimDeliveries(ctx, q, keep)
	})
}

func (st *store) Webhook(ctx context.Context, project game.ProjectID, id game.WebhookID) (game.Webhook, error) {
	operation := Operation{Method: "Webhook", Label: "get_webhook", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Webhook, error) {
		return st.inner.Webhook(ctx, project, id)
	})
}

func (st *store) WebhookMarks(ctx context.Context, after game.WebhookID, limit int) ([]game.WebhookMark, error) {
	operation := Operation{Method: "WebhookMarks", Label: "list_webhook_marks", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.WebhookMark, error) {
		return st.inner.WebhookMarks(ctx, after, limit)
	})
}

func (st *store) Webhooks(ctx context.Context, q game.WebhookQuery) (game.Found[game.Webhook], error) {
	operation := Operation{Method: "Webhooks", Label: "list_webhooks", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) (game.Found[game.Webhook], error) {
		return st.inner.Webhooks(ctx, q)
	})
}

func (st *store) AppendMetrics(ctx context.Context, m game.MetricsSample) error {
	operation := Operation{Method: "AppendMetrics", Label: "append_metrics", Collection: "metrics"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.AppendMetrics(ctx, m)
	})
}

func (st *store) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	operation := Operation{Method: "Metrics", Label: "list_metrics", Collection: "metrics"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.MetricsSample, error) {
		return st.inner.Metrics(ctx, q)
	})
}

func (st *store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	operation := Operation{Method: "PurgeMetrics", Label: "purge_metrics", Collection: "metrics"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.PurgeMetrics(ctx, now, limit)
	})
}

func (st *store) Departures(ctx context.Context, q game.DepartureQuery) ([]game.SessionID, error) {
	operation := Operation{Method: "Departures", Label: "list_departures", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.SessionID, error) {
		return st.inner.Departures(ctx, q)
	})
}

func (st *store) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	operation := Operation{Method: "Feed", Label: "list_feed", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Event, error) {
		return st.inner.Feed(ctx, q)
	})
}

func (st *store) FeedEnd(ctx context.Context, project game.ProjectID) (int64, error) {
	operation := Operation{Method: "FeedEnd", Label: "feed_end", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) (int64, error) {
		return st.inner.FeedEnd(ctx, project)
	})
}

func (st *store) OrderEvents(ctx context.Context, now time.Time, limit int) (int, error) {
	operation := Operation{Method: "OrderEvents", Label: "order_events", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.OrderEvents(ctx, now, limit)
	})
}

func (st *store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	operation := Operation{Method: "PurgeEvents", Label: "purge_events", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) (int, error) {
		return st.inner.PurgeEvents(ctx, before, limit)
	})
}

func (st *store) PutEvents(ctx context.Context, events []game.Event) error {
	operation := Operation{Method: "PutEvents", Label: "put_events", Collection: "events"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.PutEvents(ctx, events)
	})
}

func (st *store) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	operation := Operation{Method: "Timeline", Label: "list_timeline", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Event, error) {
		return st.inner.Timeline(ctx, q)
	})
}

func (st *store) PutTaskLease(ctx context.Context, old game.TaskLease, next game.TaskLease) error {
	operation := Operation{Method: "PutTaskLease", Label: "put_task_lease", Collection: "tasks"}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.PutTaskLease(ctx, old, next)
	})
}

func (st *store) TaskLease(ctx context.Context, name string) (game.TaskLease, error) {
	operation := Operation{Method: "TaskLease", Label: "get_task_lease", Collection: "tasks"}
	return read(ctx, st, operation, func(ctx context.Context) (game.TaskLease, error) {
		return st.inner.TaskLease(ctx, name)
	})
}

func (st *store) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	operation := Operation{Method: "ExportClaims", Label: "export_claims", Collection: "idempotency"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Claim, error) {
		return st.inner.ExportClaims(ctx, after, limit)
	})
}

func (st *store) ExportDeliveries(ctx context.Context, after string, limit int) ([]game.Delivery, error) {
	operation := Operation{Method: "ExportDeliveries", Label: "export_deliveries", Collection: "deliveries"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Delivery, error) {
		return st.inner.ExportDeliveries(ctx, after, limit)
	})
}

func (st *store) ExportEvents(ctx context.Context, after string, limit int) ([]game.Event, error) {
	operation := Operation{Method: "ExportEvents", Label: "export_events", Collection: "events"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Event, error) {
		return st.inner.ExportEvents(ctx, after, limit)
	})
}

func (st *store) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	operation := Operation{Method: "ExportKeys", Label: "export_keys", Collection: "api_keys"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Key, error) {
		return st.inner.ExportKeys(ctx, after, limit)
	})
}

func (st *store) ExportLeases(ctx context.Context, after game.LeaseID, limit int) ([]game.Lease, error) {
	operation := Operation{Method: "ExportLeases", Label: "export_leases", Collection: "leases"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Lease, error) {
		return st.inner.ExportLeases(ctx, after, limit)
	})
}

func (st *store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	operation := Operation{Method: "ExportPlayers", Label: "export_players", Collection: "players"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Player, error) {
		return st.inner.ExportPlayers(ctx, after, limit)
	})
}

func (st *store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	operation := Operation{Method: "ExportSessions", Label: "export_sessions", Collection: "sessions"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Session, error) {
		return st.inner.ExportSessions(ctx, after, limit)
	})
}

func (st *store) ExportWebhooks(ctx context.Context, after game.WebhookID, limit int) ([]game.Webhook, error) {
	operation := Operation{Method: "ExportWebhooks", Label: "export_webhooks", Collection: "webhooks"}
	return read(ctx, st, operation, func(ctx context.Context) ([]game.Webhook, error) {
		return st.inner.ExportWebhooks(ctx, after, limit)
	})
}

func (st *store) Inspect(ctx context.Context, repair bool, tell func(game.Finding)) error {
	operation := Operation{Method: "Inspect", Label: "inspect", Collection: ""}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.Inspect(ctx, repair, tell)
	})
}

func (st *store) Epoch(ctx context.Context) (string, error) {
	operation := Operation{Method: "Epoch", Label: "epoch", Collection: ""}
	return read(ctx, st, operation, func(ctx context.Context) (string, error) {
		return st.inner.Epoch(ctx)
	})
}

func (st *store) Ping(ctx context.Context) (game.Facts, error) {
	operation := Operation{Method: "Ping", Label: "ping", Collection: ""}
	return read(ctx, st, operation, func(ctx context.Context) (game.Facts, error) {
		return st.inner.Ping(ctx)
	})
}

func (st *store) RenewEpoch(ctx context.Context) error {
	operation := Operation{Method: "RenewEpoch", Label: "renew_epoch", Collection: ""}
	return st.around(ctx, operation, func(ctx context.Context) error {
		return st.inner.RenewEpoch(ctx)
	})
}

func (st *store) Sizes(ctx context.Context) (game.Sizes, error) {
	operation := Operation{Method: "Sizes", Label: "get_sizes", Collection: ""}
	return read(ctx, st, operation, func(ctx context.Context) (game.Sizes, error) {
		return st.inner.Sizes(ctx)
	})
}

func (st *store) Stats(ctx context.Context, limit int) (game.Stats, error) {
	operation := Operation{Method: "Stats", Label: "get_stats", Collection: ""}
	return read(ctx, st, operation, func(ctx context.Context) (game.Stats, error) {
		return st.inner.Stats(ctx, limit)
	})
}

func (st *store) Close() error { return st.inner.Close() }
