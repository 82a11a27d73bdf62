package storetest

import (
	"context"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

// Fault makes an operation fail.
type Fault struct {
	Operation string // the method's name
	From      int    // the first call that fails, counted from 1; 0 is 1
	Calls     int    // how many calls fail; 0 for all from then on
	After     bool   // the operation is done, and its answer lost
	Err       error
}

// Failing returns a store that fails as it is told, and is the given one otherwise.
func Failing(s game.Store, faults ...Fault) game.Store {
	return &failing{Store: s, faults: faults, calls: make(map[string]int)}
}

type failing struct {
	game.Store
	faults []Fault

	mu    sync.Mutex
	calls map[string]int
}

// call does the operation unless it is to fail.
func (f *failing) call(operation string, do func() error) error {
	f.mu.Lock()
	f.calls[operation]++
	n := f.calls[operation]
	f.mu.Unlock()
	for _, fault := range f.faults {
		from := max(fault.From, 1)
		if fault.Operation != operation || n < from || fault.Calls > 0 && n >= from+fault.Calls {
			continue
		}
		if fault.After {
			if err := do(); err != nil {
				return err
			}
		}
		return fault.Err
	}
	return do()
}

// ask does an operation that has an answer, which is zero if it fails.
func ask[A any](f *failing, operation string, do func() (A, error)) (A, error) {
	var answer A
	err := f.call(operation, func() (err error) {
		answer, err = do()
		return err
	})
	if err != nil {
		var none A
		return none, err
	}
	return answer, nil
}

func (f *failing) Ping(ctx context.Context) (game.Facts, error) {
	return ask(f, "Ping", func() (game.Facts, error) { return f.Store.Ping(ctx) })
}

func (f *failing) Stats(ctx context.Context) (game.Stats, error) {
	return ask(f, "Stats", func() (game.Stats, error) { return f.Store.Stats(ctx) })
}

func (f *failing) CreatePlayer(ctx context.Context, p game.Player) error {
	return f.call("CreatePlayer", func() error { return f.Store.CreatePlayer(ctx, p) })
}

func (f *failing) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	return ask(f, "Player", func() (game.Player, error) { return f.Store.Player(ctx, project, id) })
}

func (f *failing) PlayerByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error) {
	return ask(f, "PlayerByIdentity", func() (game.Player, error) { return f.Store.PlayerByIdentity(ctx, project, i) })
}

func (f *failing) ReplacePlayer(ctx context.Context, old, next game.Player) error {
	return f.call("ReplacePlayer", func() error { return f.Store.ReplacePlayer(ctx, old, next) })
}

func (f *failing) DeletePlayer(ctx context.Context, old game.Player) error {
	return f.call("DeletePlayer", func() error { return f.Store.DeletePlayer(ctx, old) })
}

func (f *failing) Players(ctx context.Context, q game.PlayerQuery) (game.Found[game.Player], error) {
	return ask(f, "Players", func() (game.Found[game.Player], error) { return f.Store.Players(ctx, q) })
}

func (f *failing) CreateSession(ctx context.Context, v game.Session) error {
	return f.call("CreateSession", func() error { return f.Store.CreateSession(ctx, v) })
}

func (f *failing) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (game.Session, error) {
	return ask(f, "Session", func() (game.Session, error) { return f.Store.Session(ctx, project, id) })
}

func (f *failing) ReplaceSession(ctx context.Context, old, next game.Session) error {
	return f.call("ReplaceSession", func() error { return f.Store.ReplaceSession(ctx, old, next) })
}

func (f *failing) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	return ask(f, "Sessions", func() (game.Found[game.Session], error) { return f.Store.Sessions(ctx, q) })
}

func (f *failing) Claim(ctx context.Context, c game.Claim, now time.Time) (game.Claim, error) {
	return ask(f, "Claim", func() (game.Claim, error) { return f.Store.Claim(ctx, c, now) })
}

func (f *failing) PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error) {
	return ask(f, "PurgeClaims", func() (int, error) { return f.Store.PurgeClaims(ctx, now, limit) })
}

func (f *failing) AppendMetrics(ctx context.Context, m game.MetricsSample) error {
	return f.call("AppendMetrics", func() error { return f.Store.AppendMetrics(ctx, m) })
}

func (f *failing) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	return ask(f, "Metrics", func() ([]game.MetricsSample, error) { return f.Store.Metrics(ctx, q) })
}

func (f *failing) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	return ask(f, "PurgeMetrics", func() (int, error) { return f.Store.PurgeMetrics(ctx, now, limit) })
}

func (f *failing) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return ask(f, "ExportPlayers", func() ([]game.Player, error) { return f.Store.ExportPlayers(ctx, after, limit) })
}

func (f *failing) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	return ask(f, "ExportSessions", func() ([]game.Session, error) { return f.Store.ExportSessions(ctx, after, limit) })
}

func (f *failing) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	return ask(f, "ExportClaims", func() ([]game.Claim, error) { return f.Store.ExportClaims(ctx, after, limit) })
}

func (f *failing) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	return ask(f, "ExportKeys", func() ([]game.Key, error) { return f.Store.ExportKeys(ctx, after, limit) })
}

func (f *failing) CreateKey(ctx context.Context, k game.Key) error {
	return f.call("CreateKey", func() error { return f.Store.CreateKey(ctx, k) })
}

func (f *failing) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	return ask(f, "Key", func() (game.Key, error) { return f.Store.Key(ctx, id) })
}

func (f *failing) ReplaceKey(ctx context.Context, old, next game.Key) error {
	return f.call("ReplaceKey", func() error { return f.Store.ReplaceKey(ctx, old, next) })
}

func (f *failing) DeleteKey(ctx context.Context, old game.Key) error {
	return f.call("DeleteKey", func() error { return f.Store.DeleteKey(ctx, old) })
}

func (f *failing) Keys(ctx context.Context, q game.KeyQuery) ([]game.Key, error) {
	return ask(f, "Keys", func() ([]game.Key, error) { return f.Store.Keys(ctx, q) })
}

func (f *failing) CreateSigningKey(ctx context.Context, k game.SigningKey) error {
	return f.call("CreateSigningKey", func() error { return f.Store.CreateSigningKey(ctx, k) })
}

func (f *failing) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	return ask(f, "SigningKeys", func() ([]game.SigningKey, error) { return f.Store.SigningKeys(ctx) })
}

func (f *failing) DeleteSigningKey(ctx context.Context, id string) error {
	return f.call("DeleteSigningKey", func() error { return f.Store.DeleteSigningKey(ctx, id) })
}

func (f *failing) Inspect(ctx context.Context, repair bool, tell func(game.Finding)) error {
	return f.call("Inspect", func() error { return f.Store.Inspect(ctx, repair, tell) })
}
