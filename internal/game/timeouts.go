package game

import (
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
)

// TimeoutsOf are the settings of a session about time, in seconds. T is int for the settings of a session, and *int for
// those of a request, in which nil means the default.
type TimeoutsOf[T int | *int] struct {
	ReservationTimeout T `json:"reservation_timeout" minimum:"5" maximum:"86400" doc:"After how many seconds an unconfirmed reservation loses its seat."`
	DisconnectGrace    T `json:"disconnect_grace" minimum:"0" maximum:"86400" doc:"After how many seconds a disconnected member loses its seat."`
	HostGrace          T `json:"host_grace" minimum:"0" maximum:"3600" doc:"After how many seconds a disconnected host is replaced. It keeps its seat."`
	EmptyTimeout       T `json:"empty_timeout" minimum:"0" maximum:"604800" doc:"After how many seconds a session that had members and has none ends; 0 for never, which is the default of a session without a host."`
	ActivationTimeout  T `json:"activation_timeout" minimum:"0" maximum:"3600" doc:"After how many seconds a pending session fails; 0 for never."`
	MaxDuration        T `json:"max_duration" minimum:"0" maximum:"2592000" doc:"After how many seconds from its creation a session expires; 0 for never."`
	IdleTimeout        T `json:"idle_timeout" minimum:"60" maximum:"2592000" doc:"After how many seconds without a change and a heartbeat a session expires, rounded up by at most a sixtieth."`
	StaleAfter         T `json:"stale_after" minimum:"5" maximum:"3600" doc:"After how many seconds without a heartbeat a session turns stale, and a member is disconnected. It applies after the first heartbeat."`
	ExpireAfter        T `json:"expire_after" minimum:"10" maximum:"604800" doc:"After how many seconds without a heartbeat a session expires. Above stale_after. It applies after the first heartbeat."`
}

// Timeouts are the settings of a session about time, in seconds.
type Timeouts = TimeoutsOf[int]

// TimeoutRequest are the settings that a request for a new session has; nil for the defaults.
type TimeoutRequest = TimeoutsOf[*int]

// DefaultTimeouts returns the settings of sessions whose requests have none, unless the operator sets others. The
// numbers are those of Unity Lobby (stale after 30 s, expired after an hour, disconnected for 120 s) and GameLift
// (reservations of 60 s).
func DefaultTimeouts() Timeouts {
	return Timeouts{
		ReservationTimeout: 60, DisconnectGrace: 120, HostGrace: 30, EmptyTimeout: 300, ActivationTimeout: 60,
		IdleTimeout: 86400, StaleAfter: 30, ExpireAfter: 3600,
	}
}

// TimeoutRange is what a timeout may be, in seconds.
type TimeoutRange struct {
	Name     string
	Min, Max int
}

// TimeoutRanges returns the ranges of all timeouts, in the order of [TimeoutsOf].
func TimeoutRanges() []TimeoutRange { return slices.Clone(timeoutRanges()) }

var timeoutRanges = sync.OnceValue(func() (all []TimeoutRange) {
	for _, f := range Properties(reflect.TypeFor[Timeouts]()) {
		lowest, _ := strconv.Atoi(f.Tag.Get("minimum"))
		highest, _ := strconv.Atoi(f.Tag.Get("maximum"))
		all = append(all, TimeoutRange{f.Name, lowest, highest})
	}
	return all
})

// check adds what is wrong with the settings to p. It ignores nil.
func (t TimeoutsOf[T]) check(p *problems) {
	v := reflect.ValueOf(t)
	for i, r := range timeoutRanges() {
		f := v.Field(i)
		if f.Kind() == reflect.Pointer {
			if f = f.Elem(); !f.IsValid() {
				continue
			}
		}
		n := int(f.Int())
		p.check(r.Min <= n && n <= r.Max, r.Name, "must be %d to %d seconds", r.Min, r.Max)
	}
}

// ValidTimeouts returns ErrValidation with everything that is wrong with settings.
func ValidTimeouts(t Timeouts) error {
	var p problems
	t.check(&p)
	p.check(t.ExpireAfter > t.StaleAfter, "expire_after", "must be above stale_after")
	return p.err()
}

// Or returns the settings with those of the defaults that the request lacks.
func (t TimeoutsOf[T]) Or(defaults Timeouts) Timeouts {
	from, to := reflect.ValueOf(t), reflect.ValueOf(&defaults).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); f.Kind() != reflect.Pointer {
			to.Field(i).Set(f)
		} else if !f.IsNil() {
			to.Field(i).Set(f.Elem())
		}
	}
	return defaults
}

// DifferentTimeouts returns the JSON names of the settings that differ.
func DifferentTimeouts(a, b Timeouts) []string { return differing(a, b) }

// Timeouts returns the settings that sessions have where a request gives none. hosted says whether a player ever hosted
// the session.
func (s *Sessions) Timeouts(hosted bool) Timeouts { return defaultsOf(hosted, s.timeouts) }

// defaultsOf returns the defaults of a session, given those of a session that a player ever hosted.
func defaultsOf(hosted bool, t Timeouts) Timeouts {
	if !hosted {
		t.EmptyTimeout = 0
	}
	return t
}

// Request returns the settings as a request has them.
func (t TimeoutsOf[T]) Request() TimeoutRequest {
	var r TimeoutRequest
	from, to := reflect.ValueOf(&t).Elem(), reflect.ValueOf(&r).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); f.Kind() == reflect.Pointer {
			to.Field(i).Set(f)
		} else {
			to.Field(i).Set(f.Addr())
		}
	}
	return r
}

// timeouts returns the settings of the new session, given the defaults.
func (r SessionRequest) timeouts(defaults Timeouts) Timeouts {
	return r.TimeoutRequest.Or(defaultsOf(r.host() != nil, defaults))
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
