package transcript

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// keptBytes are the elements of a body as encoding/json finds them: what is
// stored, save for redaction.
func keptBytes(body []byte) map[string]bool {
	kept := make(map[string]bool)
	text := bytes.TrimPrefix(body, []byte("\ufeff"))
	var many []json.RawMessage
	if json.Unmarshal(text, &many) == nil {
		for _, one := range many {
			kept[string(one)] = true
		}
		return kept
	}
	var one json.RawMessage
	if json.Unmarshal(text, &one) == nil {
		kept[string(one)] = true
	}
	return kept
}

func FuzzActivities(f *testing.F) {
	f.Add([]byte(hello), "m1")
	f.Add([]byte("\ufeff [ "+hello+" , {\"type\":\"typing\",\"conversation\":{\"id\":\"\\ud800\"}}]"), "")
	f.Add([]byte(`{"type":"invoke","name":"signin/verifyState","value":{"state":"1"},"conversation":{"id":"a/b"},"from":{"id":"dl_1"},"timestamp":"0001-01-01T00:00:00"}`), "a'b")
	f.Add([]byte(`[{"type":5}]`), "m")
	f.Add([]byte(`{"type":"message","conversation":{"id":"c"}`), "m")
	f.Add([]byte(`[]`), "\xff")
	f.Fuzz(func(t *testing.T, body []byte, id string) {
		store := &memory{}
		recorder := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}, SkippedTypes: []string{"typing"}})
		message := Message{ID: id, Body: bytes.Clone(body)}
		result, err := recorder.Record(t.Context(), []Message{message})
		if err != nil || !bytes.Equal(message.Body, body) {
			t.Fatalf("error %v, or the body was changed", err)
		}
		if len(result.SetAside) > 0 && (len(store.records) > 0 || result.Stored+result.Skipped > 0) {
			t.Errorf("a message was set aside and stored too: %+v", result)
		}
		for _, aside := range result.SetAside {
			marshalAside(t, aside)
		}
		kept := keptBytes(body)
		for i := range store.records {
			checkRecord(t, &store.records[i], kept)
		}
	})
}

// checkRecord holds a record to what every store relies on.
func checkRecord(t *testing.T, record *Record, kept map[string]bool) {
	t.Helper()
	wantStorableKey(t, record.Key.Partition)
	wantStorableKey(t, record.Key.Row)
	for _, column := range []string{
		record.Type, record.ActivityID, record.ConversationID, record.ChannelID, record.ReplyToID, record.Text,
		record.FromID, record.FromName, record.Role, record.User.ID, record.User.Name,
	} {
		if !utf8.ValidString(column) || 2*utf16Length(column) > MaxProperty {
			t.Errorf("a column holds %.40q", column)
		}
	}
	if record.ConversationID == "" || record.ActivityID == "" || record.Type == "" || !isStorable(record.SentAt) {
		t.Errorf("record %+v lacks what every record has", record)
	}
	if rowSize(*record) > MaxRow {
		t.Errorf("the row has %d bytes", rowSize(*record))
	}
	if !json.Valid(record.Activity) || !kept[string(record.Activity)] && !bytes.Contains(record.Activity, []byte(redactedValue)) {
		t.Errorf("stored %s, which is not what was sent", record.Activity)
	}
	if record.Compressed != nil && !bytes.Equal(inflate(t, record.Compressed), record.Activity) {
		t.Error("the gzip is not that of the activity")
	}
}
