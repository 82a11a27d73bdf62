package top

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// none is shown for unknown values.
const none = "–"

// shortNumber formats a non-negative number in at most 5 characters.
func shortNumber(v float64) string {
	switch {
	case math.IsNaN(v) || v < 0:
		return none
	case v == 0:
		return "0"
	case v < 0.005:
		return "<0.01"
	case v < 0.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v < 9999.5:
		return thousands(int64(math.Round(v)))
	}
	for _, unit := range []string{"k", "M", "G"} {
		v /= 1000
		switch {
		case v < 99.95:
			return strconv.FormatFloat(v, 'f', 1, 64) + unit
		case v < 999.5:
			return strconv.FormatFloat(v, 'f', 0, 64) + unit
		}
	}
	return "999G+"
}

// rate formats a number per second.
func rate(v float64) string {
	if s := shortNumber(v); s != none {
		return s + "/s"
	}
	return none
}

// count formats a whole number in at most 7 characters.
func count(v float64) string {
	if v >= 0 && v < 999_999.5 {
		return thousands(int64(math.Round(v)))
	}
	return shortNumber(v)
}

func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// seconds formats a duration: with two digits below ten, otherwise at most three.
func seconds(s float64) string {
	switch {
	case math.IsNaN(s) || s < 0:
		return none
	case s < 0.0009995:
		return strconv.FormatFloat(s*1e6, 'f', 0, 64) + " µs"
	case s < 0.00995:
		return strconv.FormatFloat(s*1e3, 'f', 1, 64) + " ms"
	case s < 0.9995:
		return strconv.FormatFloat(s*1e3, 'f', 0, 64) + " ms"
	case s < 9.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
	return strconv.FormatFloat(s, 'f', 0, 64) + " s"
}

// size formats a number of bytes.
func size(v float64) string {
	if math.IsNaN(v) || v < 0 {
		return none
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		switch {
		case v < 9.95 && unit != "B":
			return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
		case v < 999.5:
			return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
		}
		v /= 1024
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " TiB"
}

// percent formats a share.
func percent(share float64) string {
	if s := shortNumber(share * 100); s != none {
		return s + " %"
	}
	return none
}

// age formats a duration in its two largest units.
func age(d time.Duration) string {
	d = max(d, 0)
	days, hours, minutes := d/(24*time.Hour), d/time.Hour, d/time.Minute
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes%60)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, d/time.Second%60)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
