package infra

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/retention"
)

// timers are the schedules of the functions that have one.
func timers(t *testing.T) map[string]string {
	t.Helper()
	type timer struct {
		Bindings []struct {
			Type     string `json:"type"`
			Schedule string `json:"schedule"`
		} `json:"bindings"`
	}
	found := map[string]string{}
	for name := range functions(t) {
		for _, binding := range readJSON[timer](t, filepath.Join(root, "functions", name, "function.json")).Bindings {
			if binding.Type == "timerTrigger" {
				found[name] = binding.Schedule
			}
		}
	}
	return found
}

// One instance at a time runs a timer: the host takes a lease on a blob of
// AzureWebJobsStorage, for which its identity needs Storage Blob Data Owner
// there (Azure Functions, "Connecting to host storage with an identity": timer
// trigger). Without it the timer never fires, and nothing else fails.
func TestTimersCanTakeTheirLock(t *testing.T) {
	schedules := timers(t)
	if _, ok := schedules["PurgeExpired"]; !ok {
		t.Errorf("the functions with a timer are %v; nothing removes expired conversations", sortedKeys(schedules))
	}
	for name, schedule := range schedules {
		// Six fields, seconds first; five would be read as hours and minutes shifted.
		if !regexp.MustCompile(`^\S+( \S+){5}$`).MatchString(schedule) {
			t.Errorf("%s has the schedule %q", name, schedule)
		}
	}
	host := keysOf(t, "hostSettings")
	if host["AzureWebJobsStorage__blobServiceUri"] != "hostBlobUri" {
		t.Errorf("the host's blobs are at %s", host["AzureWebJobsStorage__blobServiceUri"])
	}
	if !slices.Contains(grants(t), grant{"b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "modules/storage.bicep host Microsoft.Storage/storageAccounts"}) {
		t.Error("the app's identity is not Storage Blob Data Owner of the host's account")
	}
}

// Whoever promises a retention to others reads there how fast it is.
func TestPrivacyTellsHowMuchIsRemovedWhen(t *testing.T) {
	document := read(t, "docs", "privacy.md")
	for _, fact := range []string{
		"`" + timers(t)["PurgeExpired"] + "`",
		fmt.Sprintf("%d conversations", retention.DefaultMaxConversations),
	} {
		if !strings.Contains(strings.Join(strings.Fields(document), " "), fact) {
			t.Errorf("docs/privacy.md does not say %s", fact)
		}
	}
}
