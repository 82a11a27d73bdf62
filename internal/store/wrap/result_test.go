package wrap_test

import (
	"context"
	"errors"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

func TestResultOf(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	interrupted := game.ErrStoreUnavailable.Because(errors.New("interrupted"))
	for name, test := range map[string]struct {
		ctx    context.Context //nolint:containedctx // it is what the test varies
		err    error
		want   wrap.Result
		failed bool
	}{
		"a success":                         {t.Context(), nil, wrap.OK, false},
		"a success that nobody waits for":   {canceled, nil, wrap.OK, false},
		"a lost race that nobody waits for": {canceled, game.ErrStale, wrap.Stale, false},
		"an outage":                         {t.Context(), interrupted, wrap.Unavailable, true},
		"an outage until the deadline":      {late, interrupted, wrap.Unavailable, true},
		"an interruption":                   {canceled, interrupted, wrap.Cancelled, false},
		"an error of the context":           {canceled, context.Canceled, wrap.Cancelled, false},
		"another error":                     {t.Context(), errors.New("no"), wrap.Error, true},
	} {
		if got := wrap.ResultOf(test.ctx, test.err); got != test.want || got.Failed() != test.failed {
			t.Errorf("%s: got %s, failed: %t", name, got, got.Failed())
		}
	}
}
