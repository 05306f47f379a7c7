package tables

import (
	"strings"
	"testing"
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

func TestQuotesInFiltersAreDoubled(t *testing.T) {
	if got := Quote("it's ''"); got != "'it''s '''''" {
		t.Errorf("got %s", got)
	}
}
