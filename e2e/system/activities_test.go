package system_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript/storetest"
)

// sent is what these tests read of an activity.
type sent struct {
	Type         string    `json:"type"`
	ID           string    `json:"id"`
	Timestamp    time.Time `json:"timestamp"`
	Text         string    `json:"text"`
	ChannelID    string    `json:"channelId"`
	ReplyToID    string    `json:"replyToId"`
	From         party     `json:"from"`
	Conversation party     `json:"conversation"`

	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`

	raw string
}

type party struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// transcripts reads the real conversations.
func transcripts(t *testing.T) map[string][]sent {
	t.Helper()
	found := map[string][]sent{}
	for name, text := range storetest.Transcripts(t, root) {
		var raw []json.RawMessage
		if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, each := range raw {
			activity := sent{raw: string(each)}
			if err := json.Unmarshal(each, &activity); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found[name] = append(found[name], activity)
		}
	}
	return found
}

// kept are the activities that are stored, in the order of time.
func kept(activities []sent) []sent {
	kept := slices.DeleteFunc(slices.Clone(activities), func(a sent) bool {
		return a.Type == "typing" || a.Type == "trace"
	})
	slices.SortStableFunc(kept, func(a, b sent) int { return a.Timestamp.Compare(b.Timestamp) })
	return kept
}

// stored are the activities as they must be stored: as sent, except for the value
// of an event tokens/response, a real one of which is among the transcripts.
func stored(t *testing.T, activities []sent) []string {
	t.Helper()
	list := make([]string, len(activities))
	for i, each := range activities {
		list[i] = each.raw
		if each.Name == "tokens/response" {
			list[i] = strings.Replace(each.raw, string(each.Value), `{"redacted":true}`, 1)
		}
	}
	return list
}

// checkIndex holds table conversations to one row for each day of a conversation,
// with the newest activity of that day.
func checkIndex(t *testing.T, index []row, activities []sent) {
	t.Helper()
	newest := map[string]sent{}
	for _, each := range activities {
		newest[each.Timestamp.UTC().Format(time.DateOnly)] = each
	}
	id := activities[0].Conversation.ID
	found := 0
	for _, r := range index {
		if r.text("ConversationId") != id {
			continue
		}
		found++
		at := timeOf(t, r, "LastActivityAt")
		want, known := newest[at.Format(time.DateOnly)]
		switch {
		case !known || !want.Timestamp.Truncate(100*time.Nanosecond).Equal(at):
			t.Errorf("conversation %s: LastActivityAt %s, newest activities %v", id, at, newest)
		case r.text("LastText") != want.Text && len(want.Text) < 30_000:
			t.Errorf("conversation %s: LastText %q, want %q", id, r.text("LastText"), want.Text)
		}
	}
	if found != len(newest) {
		t.Errorf("conversation %s has %d rows in table conversations for %d days", id, found, len(newest))
	}
}

func timeOf(t *testing.T, r row, column string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.text(column))
	if err != nil {
		t.Errorf("column %s of row %s: %v", column, r.text("RowKey"), err)
	}
	return at.UTC()
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9._~=-]{1,500}$`)

// checkRows compares the columns of table messages with the activity beside them.
func checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		if !keyForm.MatchString(r.text("PartitionKey")) || !keyForm.MatchString(r.text("RowKey")) {
			t.Errorf("keys %q, %q", r.text("PartitionKey"), r.text("RowKey"))
		}
		var a sent
		if err := json.Unmarshal([]byte(r.activity(t)), &a); err != nil {
			t.Errorf("row %s: %v", r.text("RowKey"), err)
			continue
		}
		want := map[string]string{
			"Assistant": assistant, "ConversationId": a.Conversation.ID, "ActivityId": a.ID, "Type": a.Type, "Role": a.From.Role,
			"FromId": a.From.ID, "FromName": a.From.Name, "Text": a.Text, "ChannelId": a.ChannelID, "ReplyToId": a.ReplyToID,
		}
		for column, value := range want {
			if got := r.text(column); got != value {
				t.Errorf("row %s: column %s is %.100q, want %.100q", r.text("RowKey"), column, got, value)
			}
		}
		if at := timeOf(t, r, "SentAt"); !at.Equal(a.Timestamp.Truncate(100 * time.Nanosecond)) {
			t.Errorf("row %s: SentAt %s, want %s", r.text("RowKey"), at, a.Timestamp)
		}
	}
}
