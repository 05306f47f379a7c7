package tablestore

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/transcript"
)

// maxActivity bounds an activity unpacked: the host delivers no larger body.
const maxActivity = 128 << 20

// errRow means that a row is not one that this package wrote.
var errRow = errors.New("a row of another form")

// recordRow is a row of table messages as the service gives it back.
type recordRow struct {
	PartitionKey   string
	RowKey         string
	Assistant      string
	ConversationID string `json:"ConversationId"`
	ActivityID     string `json:"ActivityId"`
	Type           string
	Role           string
	FromID         string `json:"FromId"`
	FromName       string
	Text           string
	ChannelID      string `json:"ChannelId"`
	ReplyToID      string `json:"ReplyToId"`
	SentAt         time.Time
	Activity       string
}

// decodeRecord returns the activity that encodeRecord wrote, apart from User and
// Compressed, which only writing needs.
func decodeRecord(entity []byte) (transcript.Record, error) {
	var row recordRow
	if err := json.Unmarshal(entity, &row); err != nil {
		return transcript.Record{}, errRow
	}
	activity := []byte(row.Activity)
	if len(activity) == 0 {
		var err error
		if activity, err = unpackActivity(entity); err != nil {
			return transcript.Record{}, err
		}
	}
	return transcript.Record{
		Key:            transcript.Key{Partition: row.PartitionKey, Row: row.RowKey},
		Assistant:      row.Assistant,
		ConversationID: row.ConversationID,
		ActivityID:     row.ActivityID,
		Type:           row.Type,
		Role:           row.Role,
		FromID:         row.FromID,
		FromName:       row.FromName,
		Text:           row.Text,
		ChannelID:      row.ChannelID,
		ReplyToID:      row.ReplyToID,
		SentAt:         row.SentAt,
		Activity:       activity,
	}, nil
}

// isUser reports whether the sender of an activity is the user, as far as its
// columns tell.
func isUser(role, id string) bool {
	return id != "" && strings.EqualFold(role, "user") || strings.HasPrefix(id, "dl_")
}

// unpackActivity returns the activity that several columns hold.
func unpackActivity(entity []byte) ([]byte, error) {
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(entity, &properties); err != nil {
		return nil, errRow
	}
	var compressed []byte
	for i := 0; ; i++ {
		property, found := properties[gzipColumn+strconv.Itoa(i)]
		if !found {
			break
		}
		var part []byte
		if err := json.Unmarshal(property, &part); err != nil {
			return nil, errRow
		}
		compressed = append(compressed, part...)
	}
	return gunzip(compressed, maxActivity)
}

// gunzip unpacks at most limit bytes; more are an error.
func gunzip(compressed []byte, limit int64) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("unpacking an activity: %w", err)
	}
	unpacked, err := io.ReadAll(io.LimitReader(reader, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpacking an activity: %w", err)
	case int64(len(unpacked)) > limit:
		return nil, fmt.Errorf("unpacking an activity: more than %d bytes", limit)
	}
	return unpacked, nil
}

// summaryRow is a row of table conversations as the service gives it back.
type summaryRow struct {
	PartitionKey   string
	RowKey         string
	ConversationID string `json:"ConversationId"`
	UserID         string `json:"UserId"`
	UserName       string
	ChannelID      string `json:"ChannelId"`
	LastActivityAt time.Time
	LastText       string
	LastKey        string
	UserKey        string
	UserCertainty  int
	Users          string
}

// decodeSummary returns what encodeSummary wrote. The assistant stands in the
// key only, from which a long one cannot be read: the caller knows it.
func decodeSummary(assistant string, entity []byte) (transcript.DaySummary, error) {
	var row summaryRow
	if err := json.Unmarshal(entity, &row); err != nil {
		return transcript.DaySummary{}, errRow
	}
	summary := transcript.DaySummary{
		Conversation: transcript.Conversation{
			Assistant:      assistant,
			ConversationID: row.ConversationID,
			UserID:         row.UserID,
			UserName:       row.UserName,
			ChannelID:      row.ChannelID,
			LastActivityAt: row.LastActivityAt,
			LastText:       row.LastText,
		},
		Key:           transcript.Key{Partition: row.PartitionKey, Row: row.RowKey},
		LastKey:       row.LastKey,
		UserKey:       row.UserKey,
		UserCertainty: transcript.Certainty(row.UserCertainty),
	}
	if row.Users == "" {
		summary.Users = onlyUser(&summary)
		return summary, nil
	}
	if err := json.Unmarshal([]byte(row.Users), &summary.Users); err != nil {
		return transcript.DaySummary{}, errRow
	}
	return summary, nil
}

// decodeRecent returns what encodeRecent wrote: the row of table conversations
// that it went with.
func decodeRecent(assistant string, entity []byte) (transcript.DaySummary, error) {
	summary, err := decodeSummary(assistant, entity)
	if err != nil {
		return transcript.DaySummary{}, err
	}
	_, key, ok := transcript.ParseRecentRow(summary.Key.Row)
	if !ok {
		return transcript.DaySummary{}, errRow
	}
	summary.Key.Row = key
	return summary, nil
}

// keyRow is a row of which only the key is read.
type keyRow struct {
	PartitionKey, RowKey string
}

// keyColumns are the columns of a keyRow.
func keyColumns() []string { return []string{"PartitionKey", "RowKey"} }

func decodeKey(entity []byte) (keyRow, error) {
	var row keyRow
	if err := json.Unmarshal(entity, &row); err != nil {
		return keyRow{}, errRow
	}
	return row, nil
}
