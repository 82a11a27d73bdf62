package top

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// none stands for what is not known.
const none = "–"

// short writes a number from zero up in at most 5 characters.
func short(v float64) string {
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

// rate writes how many a second.
func rate(v float64) string {
	if s := short(v); s != none {
		return s + "/s"
	}
	return none
}

// count writes a whole number in at most 7 characters.
func count(v float64) string {
	if v >= 0 && v < 999_999.5 {
		return thousands(int64(math.Round(v)))
	}
	return short(v)
}

func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// seconds writes a time that something took: two digits below ten, else three at most.
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

// size writes a number of bytes.
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

// percent writes a share.
func percent(share float64) string {
	if s := short(share * 100); s != none {
		return s + " %"
	}
	return none
}

// age writes how long something is ago or runs, in its two greatest units.
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
