package storetest

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// record is an activity that says text, as the Recorder would build it.
func (s subject) record(t *testing.T, conversation, id string, at time.Time, text string) transcript.Record {
	t.Helper()
	activity, err := json.Marshal(map[string]any{"type": "message", "id": id, "text": text})
	if err != nil {
		t.Fatal(err)
	}
	record := transcript.Record{
		Key:            transcript.NewKey(s.assistant, conversation, id, at),
		Assistant:      s.assistant,
		ConversationID: conversation,
		ActivityID:     id,
		Type:           "message",
		Text:           text,
		SentAt:         at.Truncate(100 * time.Nanosecond),
	}
	setActivity(t, &record, activity)
	return record
}

// setActivity gives the record another activity, gzipped where the JSON is more
// than a property holds.
func setActivity(t *testing.T, record *transcript.Record, activity []byte) {
	t.Helper()
	record.Activity, record.Compressed = activity, nil
	if 2*len(activity) <= transcript.MaxProperty {
		return
	}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.HuffmanOnly) // quick, and as good as any on random text
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(activity); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	record.Compressed = compressed.Bytes()
}

// activityOf returns an activity whose gzip takes about the given number of
// bytes: random text, of which gzip saves a quarter.
func activityOf(gzipped int) []byte {
	random := make([]byte, gzipped)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	return fmt.Appendf(nil, `{"type":"message","text":"%s"}`, base64.StdEncoding.EncodeToString(random))
}
