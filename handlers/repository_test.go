package handlers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// declaration is what these tests read of a function.json.
type declaration struct {
	Bindings []struct {
		Type      string   `json:"type"`
		Direction string   `json:"direction"`
		Name      string   `json:"name"`
		Route     string   `json:"route"`
		AuthLevel string   `json:"authLevel"`
		Methods   []string `json:"methods"`

		Cardinality         string `json:"cardinality"`
		DataType            string `json:"dataType"`
		MaxMessageBatchSize int    `json:"maxMessageBatchSize"`
	} `json:"bindings"`
}

func declarations(t *testing.T) map[string]declaration {
	t.Helper()
	paths, err := filepath.Glob("../functions/*/function.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no functions found: %v", err)
	}
	found := map[string]declaration{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d declaration
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found[filepath.Base(filepath.Dir(path))] = d
	}
	return found
}

// Each function folder has a route and each route a folder.
func TestEveryFolderHasARouteAndEveryRouteAFolder(t *testing.T) {
	s := &server{}
	served := map[string]string{}
	for _, f := range s.routes() {
		served[f.name] = f.route
	}
	for _, trigger := range s.internalRoutes() {
		served[trigger.name] = ""
	}
	declared := map[string]string{}
	for name, d := range declarations(t) {
		declared[name] = d.Bindings[0].Route
	}
	if diff := cmp.Diff(declared, served); diff != "" {
		t.Errorf("(-function.json +routes):\n%s", diff)
	}
}

// The host forwards HTTP requests untouched only to functions with exactly one
// httpTrigger and one http output (functions-host: HTTP functions).
func TestHTTPFunctionsAreForwarded(t *testing.T) {
	for name, d := range declarations(t) {
		if d.Bindings[0].Type != "httpTrigger" {
			continue
		}
		if len(d.Bindings) != 2 || d.Bindings[1].Type != "http" || d.Bindings[1].Direction != "out" {
			t.Errorf("%s is not one httpTrigger and one http output", name)
		}
		if d.Bindings[0].AuthLevel != "anonymous" {
			t.Errorf("%s asks for a function key", name)
		}
		if len(d.Bindings[0].Methods) > 0 {
			t.Errorf("%s lists methods, so the host answers the others with 404 where the contract wants 405", name)
		}
	}
}

// An outsider reaches a trigger's path if any HTTP route can match it
// (functions-host: HTTP functions), so every route stays under the prefix and
// begins with a fixed part.
func TestNoRouteCanMatchATriggersPath(t *testing.T) {
	var host struct {
		Extensions struct {
			HTTP struct {
				RoutePrefix string `json:"routePrefix"`
			} `json:"http"`
		} `json:"extensions"`
	}
	text, err := os.ReadFile("../host.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &host); err != nil {
		t.Fatal(err)
	}
	if host.Extensions.HTTP.RoutePrefix != prefix {
		t.Errorf("routePrefix is %q, want %q", host.Extensions.HTTP.RoutePrefix, prefix)
	}
	for name, d := range declarations(t) {
		if d.Bindings[0].Type == "httpTrigger" && (d.Bindings[0].Route == "" || strings.HasPrefix(d.Bindings[0].Route, "{")) {
			t.Errorf("%s has the catch-all route %q", name, d.Bindings[0].Route)
		}
	}
}

// With cardinality one the members of a message's body override its metadata:
// whoever writes a message forges its id and its assistant. With many and no
// dataType binary the host rewrites bodies or fails at those that are no JSON. And
// only a size in function.json bounds the batch that one 500 brings again
// (functions-host: Invocation of a non-HTTP function, The answer).
func TestQueuesDeliverTheExactBytesOfBoundedBatches(t *testing.T) {
	sizes := map[string]int{}
	for name, d := range declarations(t) {
		trigger := d.Bindings[0]
		if trigger.Type != "serviceBusTrigger" {
			continue
		}
		if trigger.Cardinality != "many" || trigger.DataType != "binary" {
			t.Errorf("%s: cardinality %q, dataType %q; want many and binary", name, trigger.Cardinality, trigger.DataType)
		}
		sizes[name] = trigger.MaxMessageBatchSize
	}
	if diff := cmp.Diff(map[string]int{"PersistConversation": 250, "RotateDirectLineKey": 1}, sizes); diff != "" {
		t.Errorf("maxMessageBatchSize (-want +function.json):\n%s", diff)
	}
}
