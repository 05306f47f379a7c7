package directline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode/utf8"
)

// The types of activities that Direct Line treats specially.
const (
	kindTyping                = "typing"
	kindConversationUpdate    = "conversationUpdate"
	kindContactRelationUpdate = "contactRelationUpdate"
	kindEndOfConversation     = "endOfConversation"
)

const (
	// maxActivity is the size limit of an activity, in UTF-16 units.
	maxActivity = 256 << 10
	// maxActivityBytes bounds what is read of one: no character takes more
	// than four bytes of UTF-8.
	maxActivityBytes = 4 * maxActivity

	channelID  = "directline"
	serviceURL = issuer
	// timestampLayout is how the service writes times, to 100 ns.
	timestampLayout = "2006-01-02T15:04:05.0000000Z"
)

// stamped is an activity with what the channel adds. Members that Direct Line
// knows nothing of stay as they were sent.
type stamped struct {
	kind   string
	fields map[string]json.RawMessage
}

// encode returns the JSON. Members were valid when they were read, so this
// cannot fail.
func (a stamped) encode() json.RawMessage {
	encoded, err := json.Marshal(a.fields)
	if err != nil {
		panic("an activity that was read cannot be written: " + err.Error())
	}
	return encoded
}

// with returns a copy with one more member.
func (a stamped) with(name string, value any) stamped {
	fields := maps.Clone(a.fields)
	fields[name] = encoded(value)
	return stamped{a.kind, fields}
}

// readActivity reads one JSON object with a type and nothing after it.
func readActivity(body []byte) (stamped, error) {
	if utf16Length(body) > maxActivity {
		return stamped{}, badRequest(codeTooLarge, "The activity exceeds 256 K characters")
	}
	var fields map[string]json.RawMessage
	if err := decodeJSON(bytes.NewReader(body), &fields); err != nil || fields == nil {
		return stamped{}, badRequest(codeBadArgument, "The activity is not a JSON object")
	}
	kind := stringOf(fields["type"])
	if kind == "" {
		return stamped{}, badRequest(codeMissingProperty, "The 'type' field is required")
	}
	return stamped{kind, fields}, nil
}

// stampUserActivity takes an activity of a client. The account in a token whose
// user id begins with dl_ overrides whatever the client says.
func (s *Server) stampUserActivity(to *conversation, who caller, body []byte) (stamped, Account, error) {
	activity, err := readActivity(body)
	if err != nil {
		return stamped{}, Account{}, err
	}
	if hiddenFromClients(activity.kind) {
		return stamped{}, Account{}, badRequest(codeBadArgument, "Clients do not send this type of activity")
	}
	from, speaker, err := sender(activity.fields["from"], who)
	if err != nil {
		return stamped{}, Account{}, err
	}
	activity.fields["from"] = from
	activity.fields["timestamp"] = s.timestamp()
	return stamp(to, activity), speaker, nil
}

// sender returns the activity's from with the id that counts.
func sender(raw json.RawMessage, who caller) (json.RawMessage, Account, error) {
	from := map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &from); err != nil || from == nil {
			return nil, Account{}, badRequest(codeBadArgument, "The 'from' field is not an object")
		}
	}
	id := stringOf(from["id"])
	if who.bound() || id == "" {
		id = who.user
	}
	if id == "" {
		return nil, Account{}, badRequest(codeMissingProperty, "The 'from.id' field is required")
	}
	if strings.HasPrefix(id, reservedPrefix) && !who.bound() && !who.hasSecret {
		return nil, Account{}, badRequest(codeBadArgument, "User ids that begin with 'dl_' must be in the token")
	}
	from["id"] = quoted(id)
	return encoded(from), Account{ID: id, Name: stringOf(from["name"]), Role: "user"}, nil
}

// stampBotActivity takes an activity of the bot.
func (s *Server) stampBotActivity(to *conversation, body []byte) (stamped, error) {
	activity, err := readActivity(body)
	if err != nil {
		return stamped{}, err
	}
	activity.fields["from"] = encoded(s.bot)
	if stringOf(activity.fields["timestamp"]) == "" {
		activity.fields["timestamp"] = s.timestamp()
	}
	return stamp(to, activity), nil
}

// stamp adds what the channel says of every activity.
func stamp(to *conversation, activity stamped) stamped {
	activity.fields["channelId"] = quoted(channelID)
	activity.fields["serviceUrl"] = quoted(serviceURL)
	activity.fields["conversation"] = encoded(Account{ID: to.id})
	return activity
}

func (s *Server) timestamp() json.RawMessage {
	return quoted(s.options.Now().UTC().Round(100 * time.Nanosecond).Format(timestampLayout))
}

// decodeJSON reads exactly one JSON value.
func decodeJSON(from io.Reader, into any) error {
	decoder := json.NewDecoder(from)
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

// stringOf returns the string that raw holds, or nothing.
func stringOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// encoded returns the JSON of a value of this package, all of which have one.
func encoded(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic("a value without JSON: " + err.Error())
	}
	return text
}

func quoted(text string) json.RawMessage {
	return encoded(text)
}

// utf16Length counts as the service does, which is written in C#.
func utf16Length(text []byte) int {
	units := 0
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		if char > 0xFFFF {
			units++
		}
		units++
		text = text[size:]
	}
	return units
}
