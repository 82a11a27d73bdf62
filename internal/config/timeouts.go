package config

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"game-session-manager/internal/game"
)

// Timeouts is the configuration of the settings about time of sessions whose requests have none. Its fields are those
// of [game.Timeouts], in the same order, as durations.
type Timeouts struct {
	ReservationTimeout time.Duration `env:"GSM_RESERVATION_TIMEOUT" default:"60s" help:"After how long an unconfirmed reservation loses its seat, 5s to 24h. This and the following settings apply to new sessions whose requests have no others."`
	DisconnectGrace    time.Duration `env:"GSM_DISCONNECT_GRACE"    default:"120s" help:"After how long a disconnected member loses its seat, 0s to 24h."`
	HostGrace          time.Duration `env:"GSM_HOST_GRACE"          default:"30s" help:"After how long a disconnected host is replaced, 0s to 1h. It keeps its seat."`
	EmptyTimeout       time.Duration `env:"GSM_EMPTY_TIMEOUT"       default:"300s" help:"After how long a session ends that had members and has none, 0s to 168h. 0 is never, which is the default of sessions that are created without a host, whatever is set here."`
	ActivationTimeout  time.Duration `env:"GSM_ACTIVATION_TIMEOUT"  default:"60s" help:"After how long a pending session fails, 0s to 1h. 0 is never."`
	MaxDuration        time.Duration `env:"GSM_MAX_DURATION"        default:"0s" help:"After how long from its creation a session expires, 0s to 720h. 0 is never."`
	IdleTimeout        time.Duration `env:"GSM_IDLE_TIMEOUT"        default:"24h" help:"After how long without a change and a heartbeat a session expires, 1m to 720h."`
	StaleAfter         time.Duration `env:"GSM_STALE_AFTER"         default:"30s" help:"After how long without a heartbeat a session turns stale, and a member is disconnected, 5s to 1h. It applies after the first heartbeat."`
	ExpireAfter        time.Duration `env:"GSM_EXPIRE_AFTER"        default:"1h" help:"After how long without a heartbeat a session expires, 10s to 168h, longer than GSM_STALE_AFTER. It applies after the first heartbeat."`
}

// Sessions returns the settings as sessions have them.
func (t Timeouts) Sessions() game.Timeouts {
	var s game.Timeouts
	to := reflect.ValueOf(&s).Elem()
	for i, d := range t.all() {
		to.Field(i).SetInt(int64(d / time.Second))
	}
	return s
}

// all returns the settings in the order of [game.TimeoutRanges].
func (t Timeouts) all() []time.Duration {
	v := reflect.ValueOf(t)
	all := make([]time.Duration, v.NumField())
	for i := range all {
		all[i] = time.Duration(v.Field(i).Int())
	}
	return all
}

func (t Timeouts) validate() error {
	const second = time.Second
	var wrong []error
	for i, r := range game.TimeoutRanges() {
		name, d := settingName(r.Name), t.all()[i]
		if err := Within(name, d, time.Duration(r.Min)*second, time.Duration(r.Max)*second); err != nil {
			wrong = append(wrong, err)
		} else if d%second != 0 {
			wrong = append(wrong, fmt.Errorf("%s: %v must be a whole number of seconds", name, d))
		}
	}
	if t.ExpireAfter <= t.StaleAfter {
		wrong = append(wrong, fmt.Errorf("%s: %v must be longer than %s, which is %v: a session turns stale before it "+
			"expires", settingName("expire_after"), t.ExpireAfter, settingName("stale_after"), t.StaleAfter))
	}
	return errors.Join(wrong...)
}

// maxRetention is the longest time for which sessions that have ended may be kept.
const maxRetention = 10 * 365 * 24 * time.Hour

// sessionRetention checks how long sessions are kept after their end. Their events are purged by age, so a session that
// is purged earlier would leave events of a session that cannot be found.
func (s *Server) sessionRetention() error {
	name := settingName("session_retention")
	if s.SessionRetention == 0 {
		return nil
	}
	if s.SessionRetention > 0 && s.SessionRetention < s.EventRetention {
		return fmt.Errorf("%s: %v is shorter than %s, and sessions are kept at least as long as their events: set "+
			"GSM_SESSION_RETENTION=%v or longer, or 0 to keep sessions, or shorten GSM_EVENT_RETENTION",
			name, s.SessionRetention, settingName("event_retention"), s.EventRetention)
	}
	return Within(name, s.SessionRetention, 0, maxRetention)
}
