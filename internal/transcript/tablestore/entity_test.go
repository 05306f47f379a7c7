package tablestore

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"chatgate/internal/transcript"
)

// reencoded is an entity as aztables sends it in a transaction: decoded and
// encoded once more.
func reencoded(t require, entity []byte) []byte {
	var properties map[string]any
	if err := json.Unmarshal(entity, &properties); err != nil {
		t.Fatalf("the entity is not JSON: %v", err)
	}
	sent, err := json.Marshal(properties)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return sent
}

type require interface {
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func drawRecord(t *rapid.T) transcript.Record {
	text := rapid.StringN(0, 40, 200)
	at := time.Unix(rapid.Int64Range(-11_644_473_600, 253_402_300_799).Draw(t, "seconds"), rapid.Int64Range(0, 9_999_999).Draw(t, "ticks")*100).UTC()
	id := text.Draw(t, "id")
	return transcript.Record{
		Key:       transcript.NewKey("bankx", id, id, at),
		Assistant: "bankx", ConversationID: id, ActivityID: text.Draw(t, "activity"), Type: text.Draw(t, "type"), Role: text.Draw(t, "role"),
		FromID: text.Draw(t, "from"), FromName: text.Draw(t, "name"), Text: text.Draw(t, "text"), ChannelID: text.Draw(t, "channel"),
		ReplyToID: text.Draw(t, "reply"), SentAt: at, Activity: []byte("{" + text.Draw(t, "json") + "}"),
	}
}

func TestRecordsComeBackAndTakeTheBytesCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := drawRecord(t)
		if rapid.Bool().Draw(t, "compressed") {
			record.Compressed = packed(t, record.Activity)
		}
		entity := encodeRecord(&record)
		sent := reencoded(t, entity)
		if len(sent) != len(entity) {
			t.Errorf("counted %d bytes, sent are %d:\n%s\n%s", len(entity), len(sent), entity, sent)
		}
		got, err := decodeRecord(sent)
		if err != nil {
			t.Fatalf("%v", err)
		}
		record.Compressed = nil
		if diff := cmp.Diff(record, got, cmpopts.EquateApproxTime(0), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSummariesComeBackAndTakeTheBytesCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := drawRecord(t)
		record.User = transcript.Party{ID: record.FromID, Name: record.FromName, Certainty: transcript.Certainty(rapid.IntRange(0, 2).Draw(t, "certainty"))}
		summary := transcript.Summarize([]transcript.Record{record})[0]
		entity := encodeSummary(&summary)
		sent := reencoded(t, entity)
		if len(sent) != len(entity) {
			t.Errorf("counted %d bytes, sent are %d:\n%s\n%s", len(entity), len(sent), entity, sent)
		}
		got, err := decodeSummary("bankx", sent)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if _, changed := got.Merge(summary); changed {
			t.Errorf("what comes back differs:\n%+v\n%+v", summary, got)
		}
	})
}

func packed(t require, text []byte) []byte {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, err := writer.Write(text)
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return buffer.Bytes()
}

func TestCompressedActivitiesAreDividedIntoProperties(t *testing.T) {
	tests := map[string]struct {
		size int
		want []string
	}{
		"one property":      {transcript.MaxProperty, []string{"ActivityGzip0"}},
		"one byte more":     {transcript.MaxProperty + 1, []string{"ActivityGzip0", "ActivityGzip1"}},
		"as much as a row":  {transcript.MaxRow, []string{"ActivityGzip0", "ActivityGzip15"}},
		"beyond ten, 11th.": {11 * transcript.MaxProperty, []string{"ActivityGzip10"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			record := transcript.Record{Compressed: make([]byte, test.size)}
			var row map[string]any
			if err := json.Unmarshal(encodeRecord(&record), &row); err != nil {
				t.Fatal(err)
			}
			for _, name := range test.want {
				if row[name] == nil || row[name+"@odata.type"] != "Edm.Binary" {
					t.Errorf("no column %s", name)
				}
			}
			if _, both := row["Activity"]; both {
				t.Error("column Activity is there as well")
			}
		})
	}
}

func TestEmptyColumnsAreLeftOut(t *testing.T) {
	record := transcript.Record{Activity: []byte("{}"), SentAt: time.Unix(0, 0)}
	const want = `{"SentAt@odata.type":"Edm.DateTime","SentAt":"1970-01-01T00:00:00Z","Activity":"{}"}`
	if got := string(encodeRecord(&record)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestUnpackingIsBounded(t *testing.T) {
	bomb := packed(t, make([]byte, 1000))
	if _, err := gunzip(bomb, 999); err == nil {
		t.Error("1000 bytes are unpacked within a bound of 999")
	}
	if got, err := gunzip(bomb, 1000); err != nil || len(got) != 1000 {
		t.Errorf("unpacked %d bytes with error %v, want 1000", len(got), err)
	}
	if _, err := gunzip(bomb[:len(bomb)-9], 1000); err == nil {
		t.Error("a gzip that was cut short is unpacked")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"PartitionKey":"p","RowKey":"r","SentAt":"2026-11-21T12:00:00Z","Activity":"{}"}`))
	f.Add([]byte(`{"ActivityGzip0":"H4sIAAAAAAAA/6quBQQAAP//Q7+mowIAAAA="}`))
	f.Add([]byte(`{"ActivityGzip0":"H4sI","ActivityGzip1":1}`))
	f.Fuzz(func(t *testing.T, entity []byte) {
		record, err := decodeRecord(entity)
		if err != nil {
			return
		}
		if len(record.Activity) == 0 && !strings.Contains(string(entity), "Gzip") {
			t.Error("a row without an activity is a record")
		}
	})
}
