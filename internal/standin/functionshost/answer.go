package functionshost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"chatgate/internal/standin/bus"
)

// maxAnswer bounds what is read of a handler's answer.
const maxAnswer = 256 << 20

// errHangs means that the host would wait for ever: it takes an answer without a
// result for none.
var errHangs = errors.New("the answer is empty or null: the host waits for another until functionTimeout")

// answer is what a function gives back.
type answer struct {
	outputs     map[string]json.RawMessage
	logs        []string
	returnValue json.RawMessage
}

// readAnswer evaluates a handler's response as the host does. Outputs and logs of
// a response that is not a success are dropped unread.
func readAnswer(response *http.Response) (parsed answer, size int64, err error) {
	if response.StatusCode < 200 || response.StatusCode > 299 {
		size, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
		return answer{}, size, fmt.Errorf("the handler answered %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	size = int64(len(body))
	switch {
	case err != nil:
		return answer{}, size, fmt.Errorf("reading the answer: %w", err)
	case size > maxAnswer:
		return answer{}, size, errors.New("the answer is too large")
	case size == 0:
		return answer{}, size, errHangs
	}
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || !slices.Contains([]string{"application/json", "text/json"}, mediaType) {
		return answer{}, size, fmt.Errorf("the answer's content type is %q, not application/json", response.Header.Get("Content-Type"))
	}
	parsed, err = parseAnswer(body)
	return parsed, size, err
}

// parseAnswer reads {"Outputs":…,"Logs":…,"ReturnValue":…}. What follows the
// object is not looked at, as in the host.
func parseAnswer(body []byte) (answer, error) {
	var result *struct {
		Outputs     map[string]json.RawMessage
		Logs        []any
		ReturnValue json.RawMessage
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&result); err != nil {
		if errors.Is(err, io.EOF) {
			return answer{}, errHangs // white space only
		}
		return answer{}, fmt.Errorf("the answer is not the JSON of an invocation's result: %w", err)
	}
	if result == nil {
		return answer{}, errHangs
	}
	parsed := answer{outputs: result.Outputs, returnValue: result.ReturnValue}
	for _, entry := range result.Logs {
		switch entry.(type) {
		case string, float64, bool:
			parsed.logs = append(parsed.logs, fmt.Sprint(entry))
		case nil:
		default:
			return answer{}, errors.New("the answer's Logs hold something else than text")
		}
	}
	return parsed, nil
}

// value returns what the answer holds for an output binding; nil: nothing.
func (a *answer) value(binding string) json.RawMessage {
	value := a.outputs[binding]
	if binding == "$return" {
		value = a.returnValue
	}
	if string(value) == "null" {
		return nil
	}
	return value
}

// outputMessages turns the value of an output binding into messages: an array
// makes several. Text that happens to be base64 is decoded.
func outputMessages(b *binding, value json.RawMessage) ([]bus.Message, error) {
	if text, ok := asText(value); ok {
		if b.DataType != dataTypeBinary {
			if decoded, err := base64.StdEncoding.DecodeString(withoutSpace(text)); err == nil {
				return []bus.Message{{Body: decoded}}, nil
			}
		}
		if !looksLikeJSON(text) {
			return []bus.Message{{Body: []byte(text)}}, nil
		}
		value = json.RawMessage(text) // the host parses text that is JSON
	}
	var elements []json.RawMessage
	if json.Unmarshal(value, &elements) != nil {
		elements = []json.RawMessage{value}
	}
	messages := make([]bus.Message, 0, len(elements))
	for _, element := range elements {
		body, err := outputBody(element)
		if err != nil {
			return nil, err
		}
		messages = append(messages, bus.Message{Body: body})
	}
	return messages, nil
}

func asText(value json.RawMessage) (text string, ok bool) {
	return text, json.Unmarshal(value, &text) == nil
}

// looksLikeJSON reports whether the host would parse a text: it is an object or
// an array.
func looksLikeJSON(text string) bool {
	trimmed := strings.TrimSpace(text)
	return trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid([]byte(trimmed))
}

// withoutSpace drops the white space that .NET's base64 decoder passes over.
func withoutSpace(text string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(text)
}

// outputBody writes one value as the body of a message: text as it is, anything
// else as .NET's JToken.ToString does, which is with indentation.
func outputBody(value json.RawMessage) ([]byte, error) {
	if text, ok := asText(value); ok {
		return []byte(text), nil
	}
	written, err := reparse(value)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, written, "", "  "); err != nil {
		return nil, fmt.Errorf("writing an output: %w", err)
	}
	return indented.Bytes(), nil
}
