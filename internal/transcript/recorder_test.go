package transcript

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

const hello = `{"type":"message","id":"1","timestamp":"2026-11-21T12:00:00Z","conversation":{"id":"c"},"text":"hello"}`

func TestWhichAssistantAMessageIsFor(t *testing.T) {
	tests := []struct {
		name       string
		assistants []string
		named      string
		want       string // "" means set aside
	}{
		{"named", []string{"bankx", "shop"}, "bankx", "bankx"},
		{"in other letter case", []string{"bankx", "shop"}, "BankX", "bankx"},
		{"configured in other letter case", []string{"BankX", "shop"}, "bankx", "bankx"},
		{"left out with one", []string{"bankx"}, "", "bankx"},
		{"left out with one configured twice", []string{"bankx", "BANKX"}, "", "bankx"},
		{"left out with two", []string{"bankx", "shop"}, "", ""},
		{"unknown", []string{"bankx"}, "shop", ""},
		{"unknown by a blank", []string{"bankx"}, "bankx ", ""},
		{"none configured", nil, "bankx", ""},
		{"none configured, none named", nil, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := &memory{}
			recorder := NewRecorder(store, &RecorderOptions{Assistants: test.assistants})
			result, err := recorder.Record(t.Context(), []Message{{Assistant: test.named, Body: []byte(hello)}})
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				if len(result.SetAside) != 1 || result.SetAside[0].Reason != UnknownAssistant || len(store.records) != 0 {
					t.Errorf("got %+v, want it set aside", result)
				}
				return
			}
			if len(store.records) != 1 || store.records[0].Assistant != test.want || !strings.HasPrefix(store.records[0].Key.Partition, test.want+".") {
				t.Errorf("got %+v and %+v, want assistant %s", result, store.records, test.want)
			}
		})
	}
}

func TestARecorderWithoutOptionsTakesNothing(t *testing.T) {
	store := &memory{}
	result, err := NewRecorder(store, nil).Record(t.Context(), []Message{{Body: []byte(hello)}})
	if err != nil || len(result.SetAside) != 1 || store.calls != 0 {
		t.Errorf("got %+v, %v and %d calls of the store", result, err, store.calls)
	}
}

func TestSkippedTypesAreCounted(t *testing.T) {
	typed := func(kind string) string { return `{"type":"` + kind + `","conversation":{"id":"c"}}` }
	result, records := recordAll(t,
		Message{ID: "1", Body: []byte(typed("typing"))},
		Message{ID: "2", Body: []byte("[" + typed("Trace") + "," + typed("message") + "," + typed("TYPING") + "]")},
		Message{ID: "3", Body: []byte(`{"type":"t\u0079ping","conversation":{"id":"c"}}`)},
		Message{ID: "4", Body: []byte(typed("typings"))},
	)
	if result.Skipped != 4 || result.Stored != 2 || len(records) != 2 {
		t.Errorf("got %+v and %d records, want 4 skipped, 2 stored", result, len(records))
	}
}

func TestDuplicatesAreOneRowAndCountEach(t *testing.T) {
	other := strings.Replace(hello, "hello", "changed", 1)
	result, records := recordAll(t,
		Message{ID: "1", Body: []byte(hello)},
		Message{ID: "2", Body: []byte("[" + hello + "," + other + "]")},
		Message{ID: "1", Body: []byte(hello)},
	)
	if result.Stored != 4 || len(records) != 1 || records[0].Text != "hello" {
		t.Errorf("stored %d in %d rows, the first says %q", result.Stored, len(records), records[0].Text)
	}
}

func TestActivitiesWithoutAnIDGetOneFromTheirMessage(t *testing.T) {
	const noID, emptyID, nullID = `{"type":"message","conversation":{"id":"c"}}`, `{"type":"message","id":"","conversation":{"id":"c"}}`, `{"type":"message","id":null,"conversation":{"id":"c"}}`
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	keys := func(messages ...Message) map[Key]string {
		_, records := recordAll(t, messages...)
		found := make(map[Key]string)
		for _, record := range records {
			found[record.Key] = record.ActivityID
		}
		return found
	}
	array := Message{ID: "m/1", EnqueuedAt: at, Body: []byte("[" + noID + "," + emptyID + "," + nullID + "]")}
	found := keys(array, Message{ID: "m/1:0", EnqueuedAt: at, Body: []byte(noID)}, array)
	want := []string{"chatgate-message:m/1:0", "chatgate-message:m/1:1", "chatgate-message:m/1:2", "chatgate-message:m/1:0:0"}
	for _, id := range want {
		if found[NewKey("bankx", "c", id, at)] != id {
			t.Errorf("no record %s in %v", id, found)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d records, want %d", len(found), len(want))
	}

	nameless := keys(Message{Body: []byte(noID)}, Message{Body: []byte(noID)}, Message{Body: []byte(noID + " ")}, Message{Body: []byte("[" + noID + "," + noID + "]")})
	if len(nameless) != 4 {
		t.Errorf("messages without an id gave %d records, want 4: one for each body and position", len(nameless))
	}
	for _, id := range nameless {
		if !strings.HasPrefix(id, "chatgate-body:") || len(id) != len("chatgate-body:")+64+len(":0") {
			t.Errorf("an id is %q, want the SHA-256 of the body and a position", id)
		}
	}
}

// Trap: encoding/json turns every lone surrogate into U+FFFD, so that ids which
// differ only there would share a row.
func TestIDsThatUTF8CannotHoldStayApart(t *testing.T) {
	ids := []string{`\ud800`, `\ud801`, `\udfff`, `\ufffd`, `\ud800\ufffd`, `\ud83d\ude00`, `\ude00\ud83d`, `=ED=A0=80`}
	var messages []Message
	for _, id := range ids {
		messages = append(messages,
			Message{Body: fmt.Appendf(nil, `{"type":"message","id":"%s","conversation":{"id":"c"}}`, id)},
			Message{Body: fmt.Appendf(nil, `{"type":"message","id":"1","conversation":{"id":"%s"}}`, id)})
	}
	_, records := recordAll(t, messages...)
	if len(records) != 2*len(ids) {
		t.Errorf("%d records of %d activities", len(records), 2*len(ids))
	}
	if index := Summarize(records); len(index) != len(ids)+1 {
		t.Errorf("%d conversations, want %d", len(index), len(ids)+1)
	}
	if records[0].ActivityID != "\ufffd" || records[1].ConversationID != "\ufffd" {
		t.Errorf("columns hold %q and %q, want valid UTF-8", records[0].ActivityID, records[1].ConversationID)
	}
}

func TestTheSameIDWrittenOtherwiseIsTheSame(t *testing.T) {
	_, records := recordAll(t,
		Message{Body: []byte(`{"type":"message","id":"a😀","conversation":{"id":"/"}}`)},
		Message{Body: []byte(`{"type":"message","id":"\u0061\uD83D\uDE00","conversation":{"id":"\/"}}`)})
	if len(records) != 1 {
		t.Errorf("%d records, want 1", len(records))
	}
}

func TestHostileIDsAreEachARecord(t *testing.T) {
	var messages []Message
	for _, id := range hostileIDs() {
		if id != "" && strings.ToValidUTF8(id, "") == id {
			messages = append(messages, Message{Body: fmt.Appendf(nil, `{"type":"message","id":%s,"conversation":{"id":%[1]s}}`, quoted(id))})
		}
	}
	result, records := recordAll(t, messages...)
	if len(records) != len(messages) || result.Stored != len(messages) {
		t.Fatalf("%d records of %d activities: %+v", len(records), len(messages), result)
	}
	for _, record := range records {
		if record.Key != NewKey("bankx", record.ConversationID, record.ActivityID, record.SentAt) {
			t.Errorf("the columns %q and %q do not lead to the key %+v", record.ConversationID, record.ActivityID, record.Key)
		}
	}
}

func TestAStoreThatFailsFailsTheCall(t *testing.T) {
	away := errors.New("away")
	store := &memory{fails: away}
	recorder := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}})
	result, err := recorder.Record(t.Context(), []Message{{Body: []byte("no")}, {Body: []byte(hello)}})
	if !errors.Is(err, away) || result.Stored != 0 || result.SetAside != nil {
		t.Errorf("got %+v and %v: the batch comes again whole, so nothing may be reported", result, err)
	}
	if result, err = recorder.Record(t.Context(), []Message{{Body: []byte("no")}}); err != nil || len(result.SetAside) != 1 {
		t.Errorf("got %+v and %v: with nothing to store, the store being away is no failure", result, err)
	}
}

func TestMessagesWithARefusedRecordAreSetAside(t *testing.T) {
	second := strings.Replace(hello, `"id":"1"`, `"id":"2"`, 1)
	store := &memory{refuses: func(r Record) bool { return r.ActivityID == "1" }}
	recorder := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}})
	result, err := recorder.Record(context.Background(), []Message{
		{ID: "alone", Body: []byte(hello)},
		{ID: "good", Body: []byte(second)},
		{ID: "with another", Body: []byte("[" + second + "," + hello + "]")},
		{ID: "duplicate", Body: []byte(hello)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, aside := range result.SetAside {
		ids = append(ids, aside.Message.ID)
		if aside.Reason != TooLarge || aside.Detail != "refused by the store: property too long" {
			t.Errorf("%s was set aside as %s: %s", aside.Message.ID, aside.Reason, aside.Detail)
		}
	}
	if got := strings.Join(ids, ", "); got != "alone, with another, duplicate" || result.Stored != 1 {
		t.Errorf("set aside: %s; stored: %d", got, result.Stored)
	}
}

func TestARecorderServesSeveralCallsAtOnce(t *testing.T) {
	recorder := NewRecorder(&memory{forget: true}, &RecorderOptions{Assistants: []string{"bankx"}})
	body := []byte(activityOfUnits(MaxProperty, "x"))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 3 {
				result, err := recorder.Record(t.Context(), append(smallMessages(20), Message{Body: body}))
				if err != nil || result.Stored != 21 {
					t.Errorf("stored %d: %v", result.Stored, err)
				}
			}
		})
	}
	calls.Wait()
}

// A batch of very many tiny activities is put in parts, so that its records do
// not all lie in memory at once; the counts and what is set aside stay right.
func TestManyTinyActivitiesArePutInParts(t *testing.T) {
	const messages, each = 12, 1000
	var batch []Message
	for m := range messages {
		var body strings.Builder
		for i := range each {
			fmt.Fprintf(&body, `,{"type":"message","id":"%d-%d","conversation":{"id":"c"}}`, m, i)
		}
		batch = append(batch, Message{ID: fmt.Sprint(m), Body: []byte("[" + body.String()[1:] + "]")})
	}
	store := &memory{refuses: func(r Record) bool { return r.ActivityID == "0-5" || r.ActivityID == "11-5" }}
	result, err := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}}).Record(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if store.calls < 3 || len(store.records) != messages*each-2 {
		t.Errorf("%d calls and %d records, want several calls and all records", store.calls, len(store.records))
	}
	if result.Stored != (messages-2)*each || len(result.SetAside) != 2 || result.SetAside[0].Message.ID != "0" || result.SetAside[1].Message.ID != "11" {
		t.Errorf("stored %d, set aside %d messages", result.Stored, len(result.SetAside))
	}
}

func TestOfTwoCopiesInABatchTheLaterIsKept(t *testing.T) {
	first := Message{ID: "m-1", Body: []byte(hello)}
	second := Message{ID: "m-2", Body: []byte(strings.Replace(hello, "hello", "edited", 1))}
	_, records := recordAll(t, first, second)
	if len(records) != 1 || records[0].Text != "edited" {
		t.Errorf("got %+v, want the later copy, as two batches would leave it", records)
	}
}
