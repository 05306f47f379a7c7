package handlers_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatgate/handlers"
)

func TestBodies(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"empty":                     {"", 200, ""},
		"white space":               {" \r\n", 200, ""},
		"an empty object":           {"{}", 200, ""},
		"white space around":        {" {} \n", 200, ""},
		"not JSON":                  {"visitor", 400, "bad_request"},
		"an array":                  {"[]", 400, "bad_request"},
		"null":                      {"null", 400, "bad_request"},
		"an unknown member":         {`{"user":"me"}`, 400, "bad_request"},
		"another letter case":       {`{"VISITOR":"x"}`, 400, "bad_request"},
		"a number":                  {`{"visitor":1,"token":1}`, 400, "bad_request"},
		"trailing data":             {`{} {}`, 400, "bad_request"},
		"cut short":                 {`{"visitor":"`, 400, "bad_request"},
		"8 KiB":                     {"{}" + strings.Repeat(" ", 8<<10-2), 200, ""},
		"over 8 KiB":                {"{}" + strings.Repeat(" ", 8<<10-1), 413, "too_large"},
		"far over 8 KiB":            {`{"visitor":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too_large"},
		"deep":                      {strings.Repeat("[", 4000), 400, "bad_request"},
		"a secret in the body only": {`{"canary-body":"x"}`, 400, "bad_request"},
	} {
		for _, function := range []string{"GetNewToken", "RefreshToken"} {
			t.Run(name+"/"+function, func(t *testing.T) {
				w := start(t, nil)
				response, body := w.post(t, "/api/"+function, test.body)
				if response.StatusCode != test.status {
					t.Fatalf("%d %s, want %d", response.StatusCode, body, test.status)
				}
				if test.code != "" && codeOf(t, body) != test.code {
					t.Errorf("code %s, want %s", codeOf(t, body), test.code)
				}
				if bytes.Contains(body, []byte("canary")) && test.code != "" || strings.Contains(w.log.String(), "canary") {
					t.Errorf("the body is quoted: %s\n%s", body, w.log)
				}
			})
		}
	}
}

// A whole token call may take 10 s.
func TestAVisitorThatStallsIsDropped(t *testing.T) {
	var handler http.Handler
	start(t, func(c *handlers.Config) { handler = handlers.New(*c) })
	for _, function := range []string{"GetNewToken", "RefreshToken"} {
		request := httptest.NewRequest(http.MethodPost, "/api/"+function, strings.NewReader("{}"))
		request.Header.Set("Origin", origin)
		client := &stallable{ResponseRecorder: httptest.NewRecorder()}
		handler.ServeHTTP(client, request)
		if len(client.deadlines) == 0 || time.Until(client.deadlines[0]) > 10*time.Second {
			t.Errorf("%s: %d, bounds on reading: %v, want one within 10 s", function, client.Code, client.deadlines)
		}
	}
}
