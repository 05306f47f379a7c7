package filestore_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/storetest"
)

// TestRealTranscriptsComeBackByteForByte records every activity of every
// transcript, as a message of its own and as an element of an array, and reads
// it back.
func TestRealTranscriptsComeBackByteForByte(t *testing.T) {
	for name, content := range storetest.Transcripts(t, "../../..") {
		t.Run(name, func(t *testing.T) {
			var activities []json.RawMessage
			if err := json.Unmarshal(bytes.TrimPrefix(content, []byte("\ufeff")), &activities); err != nil {
				t.Fatal(err)
			}
			var messages []transcript.Message
			for i, activity := range activities {
				messages = append(messages, transcript.Message{ID: strconv.Itoa(i), Body: activity})
			}
			wantSame(t, activities, messages)
			wantSame(t, activities, []transcript.Message{{Body: content}})
		})
	}
}

// wantSame records messages and expects to read exactly the activities.
func wantSame(t *testing.T, activities []json.RawMessage, messages []transcript.Message) {
	t.Helper()
	store := open(t, newPath(t))
	recorder := transcript.NewRecorder(store, &transcript.RecorderOptions{Assistants: []string{"bankx"}})
	result, err := recorder.Record(t.Context(), messages)
	if err != nil || result.Stored != len(activities) || len(result.SetAside) > 0 {
		t.Fatalf("stored %d of %d, %d set aside: %v", result.Stored, len(activities), len(result.SetAside), err)
	}
	missing := make(map[string]int)
	for _, activity := range activities {
		missing[withoutToken(t, activity)]++
	}
	seen := make(map[string]bool)
	for row, err := range store.Conversations(t.Context(), "bankx") {
		if err != nil {
			t.Fatal(err)
		}
		if seen[row.ConversationID] {
			continue // active on another day too
		}
		seen[row.ConversationID] = true
		for record, err := range store.Activities(t.Context(), "bankx", row.ConversationID) {
			if err != nil {
				t.Fatal(err)
			}
			missing[string(record.Activity)]--
		}
	}
	for activity, count := range missing {
		if count != 0 {
			t.Errorf("%d times too few: %.200s", count, activity)
		}
	}
}

// withoutToken is an activity as it may be stored. One of the transcripts holds
// a user's access token.
func withoutToken(t *testing.T, activity json.RawMessage) string {
	t.Helper()
	var event struct {
		Name  string
		Value json.RawMessage
	}
	if err := json.Unmarshal(activity, &event); err != nil {
		t.Fatal(err)
	}
	if event.Name != "tokens/response" {
		return string(activity)
	}
	return strings.Replace(string(activity), string(event.Value), `{"redacted":true}`, 1)
}
