package loginapi

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzWhatIsSentIsTheJSONThatWasMeant(f *testing.F) {
	for _, text := range []string{"", "ada", `"\`, "\x00\x1f\x7f\n", "Zoë 👋\u2028", "\xff\xc0"} {
		f.Add(text, text+"2")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		members := map[string]string{"first": first, "second": second}
		plain, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]string
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		text := encode(members)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
