package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"chatgate/internal/settings"
)

// local are the settings of an app on one machine, and more.
func local(t *testing.T, more ...string) settings.Settings {
	t.Helper()
	config, err := settings.Load(append([]string{
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"ConversationStore=file:" + filepath.Join(t.TempDir(), "store.db"),
		"Assistants__demo__DirectLineSecret=canary",
		"Assistants__demo__AllowedOrigins=http://localhost:7071",
	}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestTheDeskIsOpenWhereThereIsAnAPI(t *testing.T) {
	const client, tenant = "0b1f6471-1bf0-4dda-aec3-cb9272f09590", "7d8b0d2f-1bf0-4dda-aec3-cb9272f09590"
	for name, test := range map[string]struct {
		more   []string
		path   string
		status int
		holds  string
	}{
		"closed":           {nil, "config", 404, "Api__ClientId"},
		"closed to all":    {nil, "assistants", 404, "Api__ClientId"},
		"open":             {[]string{"Api__ClientId=" + client}, "config", 200, `"scope":"api://` + client + `/Desk.Access"`},
		"where to sign in": {[]string{"Api__ClientId=" + client}, "config", 200, `"authority":"https://login.microsoftonline.com"`},
		"another cloud":    {[]string{"Api__ClientId=" + client, "Authority=https://login.microsoftonline.us"}, "config", 200, "microsoftonline.us"},
		"with consultants": {[]string{"Api__ClientId=" + client, "Assistants__demo__DeskTenantId=" + tenant}, "assistants", 401, "token_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			app, err := newApp(local(t, test.more...), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer app.close()
			answer := httptest.NewRecorder()
			app.handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/desk/"+test.path, http.NoBody))
			if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.holds) {
				t.Errorf("%d %s, want %d with %s", answer.Code, answer.Body, test.status, test.holds)
			}
		})
	}
}
