package tables

import (
	"strings"
	"testing"
	"time"
)

func FuzzConnectionString(f *testing.F) {
	f.Add("UseDevelopmentStorage=true")
	f.Add("DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:1/a;")
	f.Add("a=b=c; ;=;")
	f.Fuzz(func(t *testing.T, connection string) {
		clean, err := explicit(connection)
		if err != nil {
			return
		}
		again, err := explicit(clean)
		if err != nil || strings.TrimRight(again, ";") != strings.TrimRight(clean, ";") {
			t.Errorf("%q became %q and then %q, %v", connection, clean, again, err)
		}
	})
}

func TestTimesInFiltersAreUTC(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 123456789, time.FixedZone("", 3600))
	if got := QuoteTime(at); got != "datetime'2026-03-01T10:00:00.1234567Z'" {
		t.Errorf("QuoteTime = %q", got)
	}
	if got := QuoteTime(at.Truncate(time.Second)); got != "datetime'2026-03-01T10:00:00Z'" {
		t.Errorf("QuoteTime = %q", got)
	}
}

func TestQuotesInFiltersAreDoubled(t *testing.T) {
	if got := Quote("it's ''"); got != "'it''s '''''" {
		t.Errorf("got %s", got)
	}
}
