package config_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
)

// The settings are those of sessions: their names, defaults and ranges, which the help states.
func TestTimeoutsAreThoseOfSessions(t *testing.T) {
	t.Parallel()
	fields, ranges := reflect.TypeFor[config.Timeouts](), game.TimeoutRanges()
	if fields.NumField() != len(ranges) {
		t.Fatalf("%d settings, sessions have %d", fields.NumField(), len(ranges))
	}
	defaults := reflect.ValueOf(game.DefaultTimeouts())
	for i, r := range ranges {
		f := fields.Field(i)
		if got, want := f.Tag.Get("env"), "GSM_"+strings.ToUpper(r.Name); got != want {
			t.Errorf("setting %d is %s, of sessions %s", i, got, want)
		}
		d, err := time.ParseDuration(f.Tag.Get("default"))
		if want := defaults.Field(i).Int(); err != nil || int64(d.Seconds()) != want {
			t.Errorf("%s is %s by default, of sessions %d s: %v", f.Name, f.Tag.Get("default"), want, err)
		}
		if want := fmt.Sprintf(", %s to %s", short(r.Min), short(r.Max)); !strings.Contains(f.Tag.Get("help"), want) {
			t.Errorf("the help of %s does not contain %q: %s", f.Name, want, f.Tag.Get("help"))
		}
	}
}

// short returns seconds as the help writes them.
func short(seconds int) string {
	switch {
	case seconds%3600 == 0 && seconds > 0:
		return fmt.Sprintf("%dh", seconds/3600)
	case seconds%60 == 0 && seconds > 0:
		return fmt.Sprintf("%dm", seconds/60)
	}
	return fmt.Sprintf("%ds", seconds)
}

func TestTimeoutsOfSessions(t *testing.T) {
	t.Parallel()
	if got := goodTimeouts().Sessions(); got != game.DefaultTimeouts() {
		t.Errorf("got %+v", got)
	}
}

// Each setting is accepted at the ends of its range, and rejected beyond them with its name.
func TestTimeoutsWithinTheirRanges(t *testing.T) {
	t.Parallel()
	for i, r := range game.TimeoutRanges() {
		try := func(seconds int) error {
			c := good()
			reflect.ValueOf(&c.Timeouts).Elem().Field(i).SetInt(int64(seconds) * int64(time.Second))
			if r.Name == "stale_after" {
				c.ExpireAfter = 2 * time.Hour
			}
			if r.Name == "expire_after" {
				c.StaleAfter = 5 * time.Second
			}
			return c.Validate()
		}
		for _, seconds := range []int{r.Min, r.Max} {
			if err := try(seconds); err != nil {
				t.Errorf("%s of %d s: %v", r.Name, seconds, err)
			}
		}
		for _, seconds := range []int{r.Min - 1, r.Max + 1} {
			err := try(seconds)
			if name := "GSM_" + strings.ToUpper(r.Name); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %d s: %v", r.Name, seconds, err)
			}
		}
	}
}
