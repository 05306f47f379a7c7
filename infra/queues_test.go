package infra

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// queues are the queues that Bicep makes, by name.
func queues(t *testing.T) map[string]resource {
	t.Helper()
	found := map[string]resource{}
	for _, r := range parse(t)["modules/bus.bicep"].resources {
		if strings.HasPrefix(r.kind, "Microsoft.ServiceBus/namespaces/queues@") {
			found[unquote(r.body.object().properties()["name"].Text)] = r
		}
	}
	return found
}

func TestQueues(t *testing.T) {
	if diff := cmp.Diff([]string{"conversation-activities", "conversation-quarantine", "keyvault-events"}, sortedKeys(queues(t))); diff != "" {
		t.Errorf("(-want +Bicep):\n%s", diff)
	}
}

type function struct {
	Bindings []struct {
		Type       string `json:"type"`
		QueueName  string `json:"queueName"`
		Connection string `json:"connection"`
	} `json:"bindings"`
}

func functions(t *testing.T) map[string]function {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "functions", "*", "function.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	found := map[string]function{}
	for _, path := range paths {
		found[filepath.Base(filepath.Dir(path))] = readJSON[function](t, path)
	}
	return found
}

// The functions name queues that exist, over the connection whose settings are set.
func TestFunctionsNameQueuesThatExist(t *testing.T) {
	made := queues(t)
	declared := 0
	for name, f := range functions(t) {
		for _, binding := range f.Bindings {
			if binding.Type != "serviceBusTrigger" && binding.Type != "serviceBus" {
				continue
			}
			declared++
			if _, ok := made[binding.QueueName]; !ok {
				t.Errorf("%s names the queue %q, which Bicep does not make", name, binding.QueueName)
			}
			if _, ok := keysOf(t, "hostSettings")[binding.Connection+"__fullyQualifiedNamespace"]; !ok {
				t.Errorf("%s uses the connection %q, which has no settings", name, binding.Connection)
			}
		}
	}
	if declared == 0 {
		t.Error("no function uses a queue")
	}
}

// The reference describes queues that exist.
func TestReferenceNamesQueuesThatExist(t *testing.T) {
	described := regexp.MustCompile("(?m)^## Queue `([a-z-]+)`").FindAllStringSubmatch(read(t, "docs", "reference", "messages-and-tables.md"), -1)
	if len(described) == 0 {
		t.Error("docs/reference/messages-and-tables.md describes no queue")
	}
	made := sortedKeys(queues(t))
	for _, match := range described {
		if !slices.Contains(made, match[1]) {
			t.Errorf("docs/reference/messages-and-tables.md describes %q, which Bicep does not make", match[1])
		}
	}
	for _, queue := range []string{"conversation-activities", "conversation-quarantine"} {
		if !slices.ContainsFunc(described, func(match []string) bool { return match[1] == queue }) {
			t.Errorf("docs/reference/messages-and-tables.md does not describe %q", queue)
		}
	}
}

// Locks of a batch are not renewed, so a lock must outlive the longest
// invocation, which the host ends after functionTimeout.
func TestLocksOutliveABatch(t *testing.T) {
	host := readJSON[struct {
		FunctionTimeout string `json:"functionTimeout"`
	}](t, filepath.Join(root, "host.json"))
	if host.FunctionTimeout != "00:05:00" {
		t.Errorf("functionTimeout is %s; the lock of 5 minutes, Service Bus's longest, would end before", host.FunctionTimeout)
	}
	delivery := parse(t)["modules/bus.bicep"].variables["delivery"].object().properties()
	for property, want := range map[string]string{
		"lockDuration": "'PT5M'", "maxDeliveryCount": "10", "requiresDuplicateDetection": "true", "deadLetteringOnMessageExpiration": "true",
	} {
		if got := delivery[property].Text; got != want {
			t.Errorf("%s is %s, want %s", property, got, want)
		}
	}
	for name, queue := range queues(t) {
		if !strings.Contains(queue.text, "properties: union(delivery, {") {
			t.Errorf("queue %s is delivered in a way of its own", name)
		}
	}
}
