package settings

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The settings reference lists exactly the settings that are read.
func TestReferenceListsTheSettingsRead(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_<>]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	r := newReader([]string{"Assistants__bankx__AllowedOrigins=https://www.bankx.example"})
	_, _ = load(r)
	var read []string
	for _, name := range r.asked {
		read = append(read, strings.Replace(name, "__bankx__", "__<id>__", 1))
	}
	if diff := cmp.Diff(read, documented, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("docs/reference/settings.md (-read by the code, +documented):\n%s", diff)
	}
}
