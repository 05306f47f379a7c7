package settings

import (
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"60/m": {Count: 60, Period: time.Minute},
		"1/s":  {Count: 1, Period: time.Second},
		"9/H":  {Count: 9, Period: time.Hour},
		"off":  {Off: true},
		"OFF":  {Off: true},
	} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("parseRate(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "60", "60/", "/m", "0/m", "-1/m", "1.5/m", "60/d", "60/m/s", "99999999999999999999/m"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("parseRate(%q) = %+v, want an error", text, got)
		}
	}
}
