package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep the JSON of a message may be nested. Bot Framework's own
// serializers stop at 64; encoding/json stops at 10,000, which readers that wrap
// activities in something must not reach.
const maxDepth = 1000

// activity is what one walk over an activity found: the values of the members
// that matter here, as written. A member that is absent, or not of the type
// that Bot Framework gives it, has a value that is no string.
type activity struct {
	// json is the whole activity, as it may be stored.
	json value

	kind, id, timestamp, text, channelID, replyToID value
	conversationID                                  value
	from, recipient                                 account
}

// account is one side of a conversation.
type account struct {
	id, name, role value
}

// fault is why a message can never be stored.
type fault struct {
	reason Reason
	detail string
}

// activitiesOf returns the activities in a message body: one object, or an
// array of them. The parts of the body are not copied. One element that is not
// an activity is the whole body's fault.
func activitiesOf(body []byte, found []activity) ([]activity, *fault) {
	text, fault := textOf(body)
	if fault != nil {
		return nil, fault
	}
	if !text.isArray() {
		only, problem := parseActivity(text)
		if problem != "" {
			return nil, notAnActivity(problem)
		}
		return append(found, only), nil
	}
	position := 0
	for each := range text.elements() {
		next, problem := parseActivity(each.value)
		if problem != "" {
			return nil, notAnActivity(fmt.Sprintf("element %d: %s", position, problem))
		}
		found = append(found, next)
		position++
	}
	return found, nil
}

func notAnActivity(detail string) *fault {
	return &fault{reason: NotAnActivity, detail: detail}
}

// textOf returns the JSON value that is a message's body, or why there is none.
// Details name positions, never content.
func textOf(body []byte) (value, *fault) {
	text := trimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return nil, &fault{NotJSON, "the message is empty"}
	case !utf8.Valid(text):
		return nil, &fault{NotJSON, "the message is not UTF-8"}
	case depth(text) > maxDepth:
		return nil, &fault{NotJSON, fmt.Sprintf("the message is nested deeper than %d levels", maxDepth)}
	case !json.Valid(text):
		return nil, &fault{NotJSON, syntaxDetail(text)}
	}
	return text, nil
}

// syntaxDetail says where the text stops being JSON. The decoder's own words
// quote the text, so only its offset is used.
func syntaxDetail(text value) string {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(text, new(json.RawMessage)), &syntax) {
		return fmt.Sprintf("the message is not JSON from byte %d", syntax.Offset)
	}
	return "the message is not JSON"
}

// parseActivity walks the members of an activity once. It fails, with words for
// people, where there is no type or no conversation.id; nothing else is needed.
//
// Of several members of one name the last counts, as for most JSON readers;
// names are compared exactly. Only redaction is wider (see traits).
func parseActivity(text value) (found activity, problem string) {
	if !text.isObject() {
		return activity{}, "not an object"
	}
	found.json = text
	var signs traits
	for m := range text.members() {
		found.take(m)
		signs.see(m)
	}
	switch {
	case len(found.kind.content(keepSurrogates)) == 0:
		return activity{}, "no type"
	case len(found.conversationID.content(keepSurrogates)) == 0:
		return activity{}, "no conversation.id"
	}
	if signs.hasCredential() {
		found.json = redactValue(text)
	}
	return found, ""
}

func (a *activity) take(m member) {
	switch string(m.name.content(keepSurrogates)) {
	case "type":
		a.kind = m.value
	case "id":
		a.id = m.value
	case "timestamp":
		a.timestamp = m.value
	case "text":
		a.text = m.value
	case "channelId":
		a.channelID = m.value
	case "replyToId":
		a.replyToID = m.value
	case "conversation":
		a.conversationID = accountOf(m.value).id
	case "from":
		a.from = accountOf(m.value)
	case "recipient":
		a.recipient = accountOf(m.value)
	}
}

func accountOf(object value) account {
	var found account
	for m := range object.members() {
		switch string(m.name.content(keepSurrogates)) {
		case "id":
			found.id = m.value
		case "name":
			found.name = m.value
		case "role":
			found.role = m.value
		}
	}
	return found
}
