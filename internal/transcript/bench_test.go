package transcript

import (
	"fmt"
	"testing"
	"time"
)

// smallMessages are n messages as a bot sends them: a short text, 120
// conversations turn about.
func smallMessages(n int) []Message {
	messages := make([]Message, n)
	sent := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i := range messages {
		at := sent.Add(time.Duration(i) * 17 * time.Millisecond)
		messages[i] = Message{ID: fmt.Sprint("message-", i), Assistant: "bankx", EnqueuedAt: at, Body: fmt.Appendf(nil,
			`{"type":"message","id":"conversation-%03d|%07d","timestamp":"%s","serviceUrl":"https://directline.botframework.com/","channelId":"directline",`+
				`"from":{"id":"dl_7d9e4c1b%03d","name":"Visitor","role":"user"},"recipient":{"id":"bankx-bot","name":"BankX"},"conversation":{"id":"conversation-%03d"},`+
				`"textFormat":"plain","locale":"en-GB","text":"What is the balance of my account, please? (%d)","channelData":{"clientActivityID":"%x"},"attachments":[],"entities":[]}`,
			i%120, i, at.Format("2006-01-02T15:04:05.0000000Z"), i%120, i%120, i, i*7919)}
	}
	return messages
}

// BenchmarkRecords decodes 1,000 small activities and builds their records; the
// store does nothing.
func BenchmarkRecords(b *testing.B) {
	messages := smallMessages(1000)
	bytes := 0
	for i := range messages {
		bytes += len(messages[i].Body)
	}
	recorder := NewRecorder(&memory{forget: true}, &RecorderOptions{Assistants: []string{"bankx"}, SkippedTypes: []string{"typing", "trace"}})
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		result, err := recorder.Record(b.Context(), messages)
		if err != nil || result.Stored != len(messages) {
			b.Fatalf("stored %d of %d: %v", result.Stored, len(messages), err)
		}
	}
}

// BenchmarkLargeActivity builds the record of one activity of 128 KB, which is
// gzipped.
func BenchmarkLargeActivity(b *testing.B) {
	body := []byte(`{"type":"message","id":"1","conversation":{"id":"c"},"attachments":[`)
	for i := range 1000 {
		body = fmt.Appendf(body, `{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","id":%d,"text":"row %x"}},`, i, i*7919)
	}
	body = append(body, `null]}`...)
	recorder := NewRecorder(&memory{forget: true}, &RecorderOptions{Assistants: []string{"bankx"}})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if result, err := recorder.Record(b.Context(), []Message{{Body: body}}); err != nil || result.Stored != 1 {
			b.Fatal(result, err)
		}
	}
}

// BenchmarkSummarize brings 1,000 records together into rows of the index.
func BenchmarkSummarize(b *testing.B) {
	store := &memory{}
	recorder := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}})
	if _, err := recorder.Record(b.Context(), smallMessages(1000)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(Summarize(store.records)); got != 120 {
			b.Fatalf("%d summaries, want 120", got)
		}
	}
}
