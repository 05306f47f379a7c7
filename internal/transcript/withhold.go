package transcript

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxRedactedDepth is how deep a message that is set aside is searched for
// credentials. The limit keeps the work proportional to the message's size.
const maxRedactedDepth = 64

// withoutCredentials returns a message body as people may see it: the values of
// credentials replaced, however deep inside they are, for what is no activity
// may well contain some. It reports false where a body is not understood and
// may hold a credential.
func withoutCredentials(body []byte) (shown []byte, ok bool) {
	text := trimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	isUnderstood := !text.isString() && depth(text) <= maxRedactedDepth && json.Valid(text)
	if !isUnderstood {
		return body, !mentionsCredential(body)
	}
	spans := credentials(text, bytes.Index(body, text), nil)
	shown = body
	if len(spans) > 0 {
		shown = redactSpans(body, spans)
	}
	// An activity may also lie in a string, as JSON within JSON.
	return shown, !anyStringMentionsCredential(text)
}

// anyStringMentionsCredential reports whether a string inside a value holds what
// may be an activity with a credential. The name of one alone is no such string.
func anyStringMentionsCredential(v value) bool {
	if v.isString() {
		content := v.content(keepSurrogates)
		return bytes.ContainsAny(content, "{[") && mentionsCredential(content)
	}
	for m := range v.members() {
		if anyStringMentionsCredential(m.value) {
			return true
		}
	}
	for e := range v.elements() {
		if anyStringMentionsCredential(e.value) {
			return true
		}
	}
	return false
}

// credentials appends the spans of all credentials in a value which begins at
// offset. Here the name alone decides: what was set aside for want of a type
// holds its credential all the same.
func credentials(v value, offset int, spans []span) []span {
	var signs traits
	for m := range v.members() {
		signs.see(m)
	}
	for m := range v.members() {
		if signs.mayHaveCredential() && isValueName(m.name) {
			spans = append(spans, span{offset + m.start, offset + m.end})
			continue
		}
		spans = credentials(m.value, offset+m.start, spans)
	}
	for e := range v.elements() {
		spans = credentials(e.value, offset+e.start, spans)
	}
	return spans
}

// mentionsCredential reports whether text that is not understood names an
// activity which carries a credential: in any letter case, escaped, and in
// UTF-16 too, which in place of UTF-8 is why some text is not understood.
//
// It looks through a window, so that it does not copy all of a large message.
// The windows overlap by more than the longest way to write a name, which is 12
// bytes for a letter: as an escape, in UTF-16.
func mentionsCredential(text []byte) bool {
	const window, overlap = 64 << 10, 256
	for {
		plain := bytes.ReplaceAll(text[:min(len(text), window)], []byte{0}, nil)
		plain = bytes.Map(foldCase, unescapeLoosely(plain))
		if bytes.Contains(plain, []byte("tokens/response")) || bytes.Contains(plain, []byte("signin/")) {
			return true
		}
		if len(text) <= window {
			return false
		}
		text = text[window-overlap:]
	}
}

// foldCase maps letters that are equal ignoring case to the same one.
func foldCase(letter rune) rune {
	return unicode.ToLower(unicode.ToUpper(letter))
}

// unescapeLoosely undoes JSON's escapes in text that need not be JSON.
func unescapeLoosely(text []byte) []byte {
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		if text[0] != '\\' {
			plain, text = append(plain, text[0]), text[1:]
			continue
		}
		if len(text) >= 6 && text[1] == 'u' {
			if unit, err := strconv.ParseUint(string(text[2:6]), 16, 16); err == nil {
				plain, text = utf8.AppendRune(plain, rune(unit)), text[6:]
				continue
			}
		}
		text = text[1:]
	}
	return plain
}
