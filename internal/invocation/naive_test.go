package invocation_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	var batches []json.RawMessage
	for _, data := range all(envelope, "Data") {
		if inData, err := members(data); err == nil {
			batches = append(batches, all(inData, binding)...)
		}
	}
	if len(batches) != 1 {
		return nil, errors.New("not one batch")
	}
	elements, err := array(batches[0])
	if err != nil {
		return nil, err
	}
	messages := make([]invocation.Message, len(elements))
	for i, element := range elements {
		if messages[i].Body, err = naiveBody(element); err != nil {
			return nil, err
		}
	}
	addMetadata(messages, last(envelope, "Metadata"))
	return messages, nil
}

func addMetadata(messages []invocation.Message, raw json.RawMessage) {
	metadata, err := members(raw)
	if err != nil {
		return // Metadata that is no object counts as empty
	}
	column := func(name string) []json.RawMessage {
		elements, wrong := array(last(metadata, name))
		if wrong != nil {
			return nil
		}
		return elements[:min(len(elements), len(messages))]
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
}

// members reads an object, one member at a time: a map would forget the order,
// and which names come twice.
func members(raw json.RawMessage) ([]pair, error) {
	if !json.Valid(raw) {
		return nil, errors.New("no JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("no object")
	}
	var found []pair
	for decoder.More() {
		var value json.RawMessage
		name, err := decoder.Token()
		if err := errors.Join(err, decoder.Decode(&value)); err != nil {
			return nil, err
		}
		found = append(found, pair{fmt.Sprint(name), string(value)})
	}
	return found, nil
}

func all(members []pair, name string) []json.RawMessage {
	var values []json.RawMessage
	for _, member := range members {
		if member.name == name {
			values = append(values, json.RawMessage(member.value))
		}
	}
	return values
}

func last(members []pair, name string) json.RawMessage {
	values := all(members, name)
	if len(values) == 0 {
		return json.RawMessage("null")
	}
	return values[len(values)-1]
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
	if at = at.UTC(); err != nil || at.Year() <= 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

func naiveAssistant(element json.RawMessage) string {
	properties, err := members(element)
	if err != nil {
		return ""
	}
	var exact, folded string
	for _, property := range properties {
		if property.name == "assistant" {
			exact = propertyText(json.RawMessage(property.value))
		} else if strings.EqualFold(property.name, "assistant") {
			folded = propertyText(json.RawMessage(property.value))
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

// agreed reports whether both decoders are meant to agree on body: they
// treat invalid UTF-8 differently, and only one of them bounds nesting.
func agreed(body []byte) bool {
	brackets := bytes.Count(body, []byte("[")) + bytes.Count(body, []byte("{"))
	escapes := bytes.Count(body, []byte(`\u`))
	return utf8.Valid(body) && brackets+escapes < 100
}
