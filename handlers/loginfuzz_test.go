package handlers

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a body holds, what is read from it is what every other reader of JSON
// would read, and nothing more.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"token":"a","conversationId":"b"}`, `{"token":"a","token":"b"}`, `{"Token":"a"}`, `{"token":null}`, `{"token":1}`,
		`{"token":"a"}{}`, `{"t\u006fken":"a","token":"b"}`, "{\"token\":\"\xff\"}", `{"token":"\ud800"}`, "[]", "null", strings.Repeat("[", 100),
	} {
		f.Add(seed)
	}
	names := []string{"token", "conversationId"}
	f.Fuzz(func(t *testing.T, body string) {
		members, err := decodeMembers([]byte(body), names...)
		if err != nil {
			if members != nil {
				t.Errorf("%q: refused, and read all the same", body)
			}
			return
		}
		var all map[string]*string
		if strings.Trim(body, jsonSpace) != "" {
			if err := json.Unmarshal([]byte(body), &all); err != nil || !utf8.ValidString(body) {
				t.Fatalf("%q is read, though it is no object of text: %v", body, err)
			}
		}
		for name, value := range all {
			read, found := members[name]
			if !slices.Contains(names, name) || found != (value != nil) || found && read != *value {
				t.Errorf("%q: %s is read as %q", body, name, read)
			}
		}
		if len(members) > len(all) {
			t.Errorf("%q is read as %q", body, members)
		}
	})
}

// The rest of a path stays as it was written, so that what it means is decided in
// one place, and belongs to the assistant that is named before it.
func FuzzBackendPath(f *testing.F) {
	for _, seed := range []string{
		"/api/backend/bankx/accounts/7", "/API/Backend/BankX", "//api/backend/bankx//a/", "/api/backend/bankx/%2e%2e/%2Fa%252F", "/api%2Fbackend/bankx/a",
		"/api/backend/%62ankx/a%00", "/api/backend//a", "/api/backend/bankx/a\"b", "/api/backend/b%2Fx/y",
	} {
		f.Add(seed)
	}
	s := routing()
	f.Fuzz(func(t *testing.T, path string) {
		address, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		assistant, rest, ok := s.backendPath(address)
		if !ok {
			return
		}
		if strings.HasPrefix(rest, "/") && !strings.Contains(address.EscapedPath(), "//") {
			t.Errorf("%q has the rest %q", path, rest)
		}
		written := "/api/backend/" + url.PathEscape(assistant) + "/" + rest
		again, err := url.ParseRequestURI(written)
		if err != nil {
			t.Fatalf("%q is written anew as %q: %v", path, written, err)
		}
		sameAssistant, sameRest, ok := s.backendPath(again)
		if !ok || sameAssistant != assistant || sameRest != rest {
			t.Errorf("%q reads %q and %q, written anew %q and %q", path, assistant, rest, sameAssistant, sameRest)
		}
	})
}

func (s *server) backendPath(address *url.URL) (assistant, path string, ok bool) {
	rest, ok := s.restOf("Backend", address)
	if !ok {
		return "", "", false
	}
	return splitBackendPath(rest)
}
