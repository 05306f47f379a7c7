package invocation_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chatgate/internal/invocation"
)

// writer is one way of writing JSON that the host, or a version of it, may use.
type writer struct {
	name string
	// quote writes a string.
	quote func(string) string
	// space is put wherever JSON allows white space.
	space string
	// reversed puts Metadata before Data, and the last member first.
	reversed bool
	// real writes arrays as arrays, instead of strings that hold them.
	real bool
}

var writers = []writer{
	{name: "Newtonsoft.Json", quote: quoteLikeNewtonsoft},
	{name: "Newtonsoft.Json, indented", quote: quoteLikeNewtonsoft, space: "\r\n  "},
	{name: "System.Text.Json", quote: quoteLikeSystemText},
	{name: "slashes escaped", quote: quoteSlashes, reversed: true},
	{name: "everything escaped", quote: quoteEverything, reversed: true, space: "\t"},
	{name: "real arrays", quote: quoteLikeNewtonsoft, real: true},
}

// quoteLikeNewtonsoft escapes as little as JSON allows.
func quoteLikeNewtonsoft(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(quoted.String(), "\n")
}

// quoteLikeSystemText escapes as JavaScriptEncoder.Default does: quotation
// marks, what HTML gives a meaning to, and all that is not ASCII.
func quoteLikeSystemText(text string) string {
	return quoteWhere(text, func(r rune) bool {
		return r < ' ' || r > '~' || strings.ContainsRune("\"&'+<>`", r)
	})
}

func quoteSlashes(text string) string {
	return strings.ReplaceAll(quoteLikeNewtonsoft(text), "/", `\/`)
}

func quoteEverything(text string) string {
	return quoteWhere(text, func(rune) bool { return true })
}

// quoteWhere writes the characters that escaped holds for as UTF-16 units.
func quoteWhere(text string, escaped func(rune) bool) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for _, r := range text {
		switch {
		case escaped(r) && r > 0xFFFF:
			fmt.Fprintf(&quoted, `\u%04X\u%04x`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF)
		case escaped(r):
			fmt.Fprintf(&quoted, `\u%04X`, r)
		case r == '\\':
			quoted.WriteString(`\\`)
		default:
			quoted.WriteRune(r)
		}
	}
	quoted.WriteByte('"')
	return quoted.String()
}

// pair is a member of an object, its value written already.
type pair struct{ name, value string }

func (w writer) object(members ...pair) string {
	written := make([]string, len(members))
	for i, member := range members {
		at := i
		if w.reversed {
			at = len(members) - 1 - i
		}
		written[at] = w.quote(member.name) + w.space + ":" + w.space + member.value
	}
	return w.list("{", written, "}")
}

func (w writer) list(opening string, items []string, closing string) string {
	return w.space + opening + w.space + strings.Join(items, w.space+","+w.space) + w.space + closing + w.space
}

// array writes an array as the host does: as a string that holds it.
func (w writer) array(items []string) string {
	array := w.list("[", items, "]")
	if w.real {
		return array
	}
	return w.quote(array)
}

// envelope writes messages as the host would, for the binding activities.
func (w writer) envelope(messages []invocation.Message) string {
	var bodies, ids, utc, zoned, properties, deliveries []string
	for _, message := range messages {
		bodies = append(bodies, w.quote(base64.StdEncoding.EncodeToString(message.Body)))
		ids = append(ids, w.orNull(message.ID))
		utc = append(utc, w.time(message.EnqueuedAt, "2006-01-02T15:04:05.9999999"))
		zoned = append(zoned, w.time(message.EnqueuedAt, "2006-01-02T15:04:05.9999999-07:00"))
		properties = append(properties, w.properties(message.Assistant))
		deliveries = append(deliveries, "1")
	}
	return w.object(
		pair{"Data", w.object(pair{"activities", w.array(bodies)})},
		pair{"Metadata", w.object(
			pair{"DeliveryCountArray", w.array(deliveries)},
			pair{"LockTokenArray", w.array(ids)},
			pair{"MessageIdArray", w.array(ids)},
			pair{"EnqueuedTimeUtcArray", w.array(utc)},
			pair{"EnqueuedTimeArray", w.array(zoned)},
			pair{"ApplicationPropertiesArray", w.array(properties)},
			pair{"sys", w.object(pair{"MethodName", w.quote("PersistConversation")}, pair{"depth", "[[-1.5e+3,true,false,null,{}]]"})},
		)},
	)
}

func (w writer) properties(assistant string) string {
	if assistant == "" {
		return "{}"
	}
	return w.object(pair{"retries", "0"}, pair{"assistant", w.quote(assistant)})
}

func (w writer) orNull(text string) string {
	if text == "" {
		return "null"
	}
	return w.quote(text)
}

func (w writer) time(at time.Time, layout string) string {
	if at.IsZero() {
		return w.quote("0001-01-01T00:00:00")
	}
	return w.quote(at.Format(layout))
}
