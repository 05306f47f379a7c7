package invocation_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chatgate/internal/invocation"
)

// naive decodes an envelope by encoding/json, all of it in memory and layer by
// layer: what DecodeMessages must agree with, written as differently as can be.
func naive(body []byte, binding string) ([]invocation.Message, error) {
	envelope, err := members(body)
	if err != nil {
		return nil, err
	}
	data, err := members(envelope["Data"])
	if err != nil {
		return nil, err
	}
	batch, present := data[binding]
	if !present {
		return nil, errors.New("no such binding")
	}
	elements, err := array(batch)
	if err != nil {
		return nil, err
	}
	messages := make([]invocation.Message, len(elements))
	for i, element := range elements {
		if messages[i].Body, err = naiveBody(element); err != nil {
			return nil, err
		}
	}
	return messages, addMetadata(messages, envelope["Metadata"])
}

func addMetadata(messages []invocation.Message, raw json.RawMessage) error {
	metadata, err := members(raw)
	if err != nil {
		return nil //nolint:nilerr // Metadata that is no object counts as empty
	}
	column := func(name string) []json.RawMessage {
		elements, wrong := array(metadata[name])
		if wrong != nil || len(elements) > len(messages) {
			elements = elements[:min(len(elements), len(messages))]
		}
		return elements
	}
	for i, element := range column("MessageIdArray") {
		if id, ok := str(element); ok && len(id) <= 1024 {
			messages[i].ID = id
		}
	}
	for _, name := range []string{"EnqueuedTimeArray", "EnqueuedTimeUtcArray"} {
		for i, element := range column(name) {
			if at := naiveTime(element); !at.IsZero() {
				messages[i].EnqueuedAt = at
			}
		}
	}
	for i, element := range column("ApplicationPropertiesArray") {
		messages[i].Assistant = naiveAssistant(element)
	}
	for i, element := range column("DeliveryCountArray") {
		if count, err := strconv.ParseInt(string(element), 10, 32); err == nil {
			messages[i].DeliveryCount = max(int(count), 0)
		}
	}
	return nil
}

// members reads an object.
func members(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var found map[string]json.RawMessage
	if err := json.Unmarshal(raw, &found); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errors.New("null")
	}
	return found, nil
}

// array reads an array, or a string that holds one.
func array(raw json.RawMessage) ([]json.RawMessage, error) {
	if text, ok := str(raw); ok {
		raw = json.RawMessage(text)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, err
	}
	if elements == nil {
		return nil, errors.New("null")
	}
	return elements, nil
}

func str(raw json.RawMessage) (string, bool) {
	var text *string
	err := json.Unmarshal(raw, &text)
	if err != nil || text == nil {
		return "", false
	}
	return *text, true
}

func naiveBody(element json.RawMessage) ([]byte, error) {
	if string(element) == "null" {
		return nil, nil
	}
	text, ok := str(element)
	if !ok {
		return nil, errors.New("no string")
	}
	body, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return []byte(text), nil //nolint:nilerr // not base64: the text is the body
	}
	return body, nil
}

func naiveTime(element json.RawMessage) time.Time {
	text, ok := str(element)
	if !ok || len(text) > 64 {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	// time.Parse reads a comma as a decimal point, and hours of one digit.
	if at = at.UTC(); err != nil || strings.Contains(text, ",") || text[13] != ':' || at.Year() <= 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// naiveAssistant reads the members one by one, because a map forgets their order.
func naiveAssistant(element json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(element))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return ""
	}
	var exact, folded string
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		_ = decoder.Decode(&value)
		if name == "assistant" {
			exact = propertyText(value)
		} else if strings.EqualFold(name.(string), "assistant") {
			folded = propertyText(value)
		}
	}
	if exact != "" {
		return exact
	}
	return folded
}

func propertyText(value json.RawMessage) string {
	if string(value) == "null" {
		return ""
	}
	text, ok := str(value)
	if !ok {
		return "?"
	}
	return strings.ToValidUTF8(text[:min(len(text), 1024)], "\uFFFD")
}

// comparable reports whether both decoders are meant to agree on body: they
// treat invalid UTF-8 differently, and only one of them bounds nesting.
func comparable(body []byte) bool {
	brackets := bytes.Count(body, []byte("[")) + bytes.Count(body, []byte("{"))
	escapes := bytes.Count(body, []byte(`\u`))
	return utf8.Valid(body) && brackets+escapes < 100
}
