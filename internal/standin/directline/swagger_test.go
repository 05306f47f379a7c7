package directline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// schema is what the swagger says of a value.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
}

// swagger is the published description of the protocol, as far as it is used.
type swagger struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Responses   map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"responses"`
	} `json:"paths"`
	Definitions map[string]schema `json:"definitions"`
}

// beyondSwagger are answers that the service gives and its swagger leaves out
// (facts/direct-line.md §1).
var beyondSwagger = map[string][]int{
	"Tokens_GenerateTokenForNewConversation": {400},
	"Session_GetSessionId":                   {400, 401, 403, 429, 500},
}

// needed are members that the swagger's text promises, although its
// definitions mark none as required.
var needed = map[string][]string{
	"Conversation":     {"conversationId", "token", "expires_in"},
	"ActivitySet":      {"activities", "watermark"},
	"Activity":         {"type", "id", "timestamp", "channelId", "from", "conversation"},
	"ResourceResponse": {"id"},
	"ErrorResponse":    {"error"},
	"Error":            {"code", "message"},
}

// open are definitions that may have members of their own.
var open = []string{"Activity", "Attachment", "Entity", "ChannelAccount", "ConversationAccount"}

func loadSwagger(t *testing.T) *swagger {
	t.Helper()
	raw, err := os.ReadFile("testdata/directline-3.0.swagger.json")
	if err != nil {
		t.Fatal(err)
	}
	var loaded swagger
	if err := json.Unmarshal(raw, &loaded); err != nil {
		t.Fatalf("reading the swagger: %v", err)
	}
	return &loaded
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod above %s", at)
		}
	}
}

// checkAnswer returns what is wrong with an answer, and which operation it is.
func (s *swagger) checkAnswer(method, path string, status int, body []byte) (operation string, err error) {
	for template, methods := range s.Paths {
		pattern := "^" + regexp.MustCompile(`\\\{[a-zA-Z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
		described, known := methods[strings.ToLower(method)]
		if !known || !regexp.MustCompile(pattern).MatchString(path) {
			continue
		}
		response, declared := described.Responses[strconv.Itoa(status)]
		if !declared && !slices.Contains(beyondSwagger[described.OperationID], status) {
			return described.OperationID, fmt.Errorf("%s never answers %d", described.OperationID, status)
		}
		expected := response.Schema
		if status >= http.StatusBadRequest {
			expected = &schema{Ref: "#/definitions/ErrorResponse"}
		}
		return described.OperationID, s.checkJSON(*expected, body)
	}
	return "", nil
}

func (s *swagger) checkJSON(expected schema, body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return s.check("answer", expected, value)
}

// check compares a value with a schema. "object" without properties is C#'s
// System.Object there: any value.
func (s *swagger) check(where string, expected schema, value any) error {
	if name, isRef := strings.CutPrefix(expected.Ref, "#/definitions/"); isRef {
		return s.checkDefinition(where, name, value)
	}
	fits := true
	switch expected.Type {
	case "string":
		var text string
		if text, fits = value.(string); fits && expected.Format == "date-time" {
			_, err := time.Parse(time.RFC3339Nano, text)
			fits = err == nil
		}
	case "boolean":
		_, fits = value.(bool)
	case "integer":
		number, _ := value.(json.Number)
		_, err := strconv.ParseInt(number.String(), 10, 32)
		fits = err == nil
	case "number":
		_, fits = value.(json.Number)
	case "array":
		return s.checkItems(where, *expected.Items, value)
	}
	if !fits {
		return fmt.Errorf("%s is not of type %s %s: %v", where, expected.Type, expected.Format, value)
	}
	return nil
}

func (s *swagger) checkItems(where string, expected schema, value any) error {
	items, ok := value.([]any)
	if !ok {
		return fmt.Errorf("%s is no array: %v", where, value)
	}
	for i, item := range items {
		if err := s.check(fmt.Sprintf("%s[%d]", where, i), expected, item); err != nil {
			return err
		}
	}
	return nil
}

func (s *swagger) checkDefinition(where, name string, value any) error {
	members, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no %s: %v", where, name, value)
	}
	for _, member := range needed[name] {
		if _, there := members[member]; !there {
			return fmt.Errorf("%s (%s) has no %s", where, name, member)
		}
	}
	for member, content := range members {
		expected, known := s.Definitions[name].Properties[member]
		if !known && !slices.Contains(open, name) {
			return fmt.Errorf("%s (%s) has an unknown member %s", where, name, member)
		}
		if err := s.check(where+"."+member, expected, content); known && err != nil {
			return err
		}
	}
	return nil
}
