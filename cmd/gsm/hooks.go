package main

import (
	"fmt"
	"time"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/webhooks"
)

// hooks holds the webhooks and the background tasks that they need.
type hooks struct {
	rules      *game.Webhooks
	dispatcher *webhooks.Dispatcher
	tasks      []keeper.Task
}

// newHooks sets up webhooks. Without a secret key there are none, because their secrets must not be stored as they are.
func newHooks(c *serveCmd, deps game.Deps, watch *watcher) (hooks, error) {
	d := game.WebhookDeps{
		Sender: webhooks.NewSender(c.WebhookPrivate, version()), Private: c.WebhookPrivate,
	}
	if c.SecretKey != "" {
		vault, err := auth.NewVault(c.SecretKey)
		if err != nil {
			return hooks{}, fmt.Errorf("--secret-key (GSM_SECRET_KEY): %w", err)
		}
		d.Vault = vault
	}
	rules := game.NewWebhooks(deps, d)
	dispatcher := webhooks.New(webhooks.Options{
		Webhooks: rules, Store: deps.Store, Now: deps.Now,
		Observer: observe.NewWebhooks(watch.registry, watch.logs.System, deps.Now),
	})
	if d.Vault == nil {
		return hooks{rules: rules, dispatcher: dispatcher}, nil
	}
	return hooks{rules, dispatcher, []keeper.Task{
		{
			Name: "deliver_webhooks", Every: time.Second / 2, Timeout: time.Minute, Lease: true, Run: dispatcher.Run,
		},
		{Name: "purge_deliveries", Every: time.Minute, Timeout: time.Minute, Lease: true, Run: rules.Purge},
	}}, nil
}
