package main

import "testing"

func TestCompare(t *testing.T) {
	t.Parallel()
	before := []float64{0.50, 0.52, 0.49, 0.51, 0.50, 0.53, 0.48}
	for name, c := range map[string]struct {
		now         []float64
		lower, sure bool
	}{
		"the same":            {[]float64{0.51, 0.50, 0.49, 0.52}, false, false},
		"faster":              {[]float64{0.71, 0.70, 0.69, 0.72}, false, true},
		"slower":              {[]float64{0.41, 0.40, 0.39, 0.42}, true, true},
		"slower, in doubt":    {[]float64{0.40, 0.51}, true, false},
		"too little to count": {[]float64{0.475, 0.476, 0.477, 0.478}, false, true},
	} {
		v := compare(before, c.now)
		if v.lower() != c.lower || v.sure() != c.sure {
			t.Errorf("%s: %+v, %+.3f: lower %t, sure %t", name, v, v.change(), v.lower(), v.sure())
		}
	}
}

func TestRatiosAreAdded(t *testing.T) {
	t.Parallel()
	var all ratios
	for _, v := range []float64{0.1, 0.2} {
		all.add(ratio{embedded, "join", "driver", []float64{v}, []float64{2 * v}})
	}
	all.add(ratio{mongoDB, "join", "driver", []float64{1}, []float64{1}})
	if len(all) != 2 || len(all[0].Rate) != 2 || all[0].Processor[1] != 0.4 {
		t.Errorf("%+v", all)
	}
}
