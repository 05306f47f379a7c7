package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgate/internal/probe"
)

func TestTheExitCodeIsForPipelines(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for name, test := range map[string]struct {
		target probe.Target
		code   int
		says   string
	}{
		"called wrongly": {probe.Target{URL: server.URL + "/api", Origin: "https://a.example"}, 2, "the URL must be"},
		"not well":       {probe.Target{URL: server.URL, Origin: "https://a.example"}, 1, "FAIL  health is ok"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := run(t.Context(), test.target, &stdout, &stderr); code != test.code || !strings.Contains(stdout.String()+stderr.String(), test.says) {
				t.Errorf("%d, want %d\n%s%s", code, test.code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestALineSaysWhatCameOfACheck(t *testing.T) {
	for want, outcome := range map[string]probe.Outcome{
		"ok    a check (0s)\n":                     {Name: "a check"},
		"skip  a check: it is off\n":               {Name: "a check", Skipped: "it is off"},
		"FAIL  a check (0s): something is wrong\n": {Name: "a check", Err: wrongError{}},
	} {
		var stdout strings.Builder
		if tell(&stdout, outcome); stdout.String() != want {
			t.Errorf("%q, want %q", stdout.String(), want)
		}
	}
}

type wrongError struct{}

func (wrongError) Error() string { return "something is wrong" }
