package transcript

import "bytes"

// redactedValue stands where a credential stood.
const redactedValue = `{"redacted":true}`

// traits is what decides whether an activity carries a credential in its value:
// an event tokens/response holds the user's access token, an invoke signin/… the
// code or token of a sign-in
// (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication).
//
// Readers disagree about members of the same name and of names that differ in
// letter case: some take the first, some the last, some ignore case. All of
// them count here, in any combination, so that none of these readers finds a
// credential that another's rules have hidden.
type traits struct {
	event, invoke    bool
	response, signIn bool
	hasValue         bool
}

// see takes a member of the activity into account.
func (t *traits) see(m member) {
	name := m.name.content(keepSurrogates)
	switch {
	case bytes.EqualFold(name, []byte("type")):
		kind := m.value.content(keepSurrogates)
		t.event = t.event || bytes.EqualFold(kind, []byte("event"))
		t.invoke = t.invoke || bytes.EqualFold(kind, []byte("invoke"))
	case bytes.EqualFold(name, []byte("name")):
		t.seeName(m.value.content(keepSurrogates))
	case bytes.EqualFold(name, []byte("value")):
		t.hasValue = true
	}
}

func (t *traits) seeName(name []byte) {
	t.response = t.response || bytes.EqualFold(name, []byte("tokens/response"))
	family, _, isPath := bytes.Cut(name, []byte("/"))
	t.signIn = t.signIn || isPath && bytes.EqualFold(family, []byte("signin"))
}

// hasCredential reports whether the members seen hold a credential.
func (t *traits) hasCredential() bool {
	return t.hasValue && (t.event && t.response || t.invoke && t.signIn)
}

// mayHaveCredential is hasCredential where the type is unknown.
func (t *traits) mayHaveCredential() bool {
	return t.hasValue && (t.response || t.signIn)
}

// isValueName reports whether a member holds the value in some reader's eyes.
func isValueName(name value) bool {
	return bytes.EqualFold(name.content(keepSurrogates), []byte("value"))
}

// span is a part of a text: [start, end).
type span struct {
	start, end int
}

// redactValue returns a copy of an activity in which every value is replaced,
// and no other byte changed.
func redactValue(activity value) value {
	var values []span
	for m := range activity.members() {
		if isValueName(m.name) {
			values = append(values, span{m.start, m.end})
		}
	}
	return redactSpans(activity, values)
}

// redactSpans returns a copy of text in which the spans, which come in order,
// are replaced.
func redactSpans(text []byte, spans []span) []byte {
	redacted := make([]byte, 0, len(text)+len(spans)*len(redactedValue))
	kept := 0
	for _, each := range spans {
		redacted = append(redacted, text[kept:each.start]...)
		redacted = append(redacted, redactedValue...)
		kept = each.end
	}
	return append(redacted, text[kept:]...)
}
