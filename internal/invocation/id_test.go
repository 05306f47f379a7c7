package invocation_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"chatgate/internal/invocation"
)

func TestID(t *testing.T) {
	const ours, forged = "5b0e8b3c-9a2e-4a55-8f5e-0123456789aB", "deadbeef"
	for name, test := range map[string]struct {
		sent []string
		want string // empty: a random one
	}{
		"the host's":                      {[]string{ours}, ours},
		"a client's before the host's":    {[]string{forged, ours}, ours},
		"joined by commas, as .NET does":  {[]string{forged + ", " + ours}, ours},
		"two joined before the host's":    {[]string{forged + "," + forged + "," + ours}, ours},
		"as long as allowed":              {[]string{strings.Repeat("a", 64)}, strings.Repeat("a", 64)},
		"absent":                          {nil, ""},
		"empty":                           {[]string{""}, ""},
		"too long":                        {[]string{strings.Repeat("a", 65)}, ""},
		"with a line break":               {[]string{"a\nb"}, ""},
		"with other letters":              {[]string{"xyz"}, ""},
		"a client's behind the host's":    {[]string{ours, `"},{"level":"ERROR`}, ""},
		"a comma at the end":              {[]string{ours + ","}, ""},
		"digits of other scripts":         {[]string{"١٢٣"}, ""},
		"a letter between allowed digits": {[]string{"1g1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for _, value := range test.sent {
				header.Add("x-azure-functions-invocationid", value)
			}
			got := invocation.ID(header)
			if test.want != "" && got != test.want {
				t.Errorf("ID = %q, want %q", got, test.want)
			}
			if test.want == "" && !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(got) {
				t.Errorf("ID = %q, want 128 random bits", got)
			}
		})
	}
	if one, other := invocation.ID(nil), invocation.ID(nil); one == other {
		t.Errorf("two random ids are both %q", one)
	}
}

// FuzzID: whatever a client sends, what reaches the log is plain.
func FuzzID(f *testing.F) {
	f.Add("5b0e8b3c-9a2e-4a55-8f5e-0123456789aB")
	plain := regexp.MustCompile(`^[0-9a-fA-F-]{1,64}$`)
	f.Fuzz(func(t *testing.T, sent string) {
		if id := invocation.ID(http.Header{"X-Azure-Functions-Invocationid": {sent}}); !plain.MatchString(id) {
			t.Errorf("ID of %q is %q", sent, id)
		}
	})
}
