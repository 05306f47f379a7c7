package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

// readingTimeout bounds a reading. Erasures have their own bound (package desk),
// and so have exports.
const readingTimeout = 30 * time.Second

// Sizes of pages. maxPageBytes bounds the activities of one page; a single one
// is sent whatever its size.
const (
	conversationsPage = 50
	conversationsMost = 200
	activitiesPage    = 100
	activitiesMost    = 500
	auditPage         = 50
	auditMost         = 200
	maxPageBytes      = 4 << 20
)

// Longest texts of the list, in characters: it is looked through, not read.
const (
	maxPreview = 1000
	maxName    = 200
)

// conversationItem is a conversation in answers.
type conversationItem struct {
	Key            string    `json:"key"`
	ConversationID string    `json:"conversationId"`
	UserID         string    `json:"userId"`
	UserName       string    `json:"userName"`
	ChannelID      string    `json:"channelId"`
	LastActivityAt time.Time `json:"lastActivityAt"`
	LastText       string    `json:"lastText"`
}

func newConversationItem(key string, of transcript.Conversation) conversationItem {
	return conversationItem{
		Key:            key,
		ConversationID: of.ConversationID,
		UserID:         of.UserID,
		UserName:       cut(of.UserName, maxName),
		ChannelID:      of.ChannelID,
		LastActivityAt: of.LastActivityAt.UTC(),
		LastText:       cut(of.LastText, maxPreview),
	}
}

// cut shortens text to so many characters.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// listConversations answers with a page of conversations, newest first.
func (c *deskCall) listConversations() error {
	reader, err := c.reader()
	if err != nil {
		return err
	}
	q, err := newQuery(c.request.URL.RawQuery, "from", "to", "limit", "cursor")
	if err != nil {
		return err
	}
	span, after, limit := q.span(), q.mark(), q.limit(conversationsPage, conversationsMost)
	if q.err != nil {
		return q.err
	}
	ctx, cancel := context.WithTimeout(c.request.Context(), readingTimeout)
	defer cancel()
	listing, err := reader.List(ctx, span, after, limit)
	if err != nil {
		return err
	}
	c.note(audit.List, len(listing.Items))
	answer := struct {
		Items  []conversationItem `json:"items"`
		Cursor string             `json:"cursor,omitempty"`
	}{Items: make([]conversationItem, 0, len(listing.Items))}
	for _, listed := range listing.Items {
		answer.Items = append(answer.Items, newConversationItem(listed.Key, listed.Conversation))
	}
	if listing.More {
		answer.Cursor = listing.Next.String()
	}
	return c.writeJSON(http.StatusOK, jsonType, answer)
}

// readConversation answers with a page of activities, or with all of them as a
// file.
func (c *deskCall) readConversation() error {
	reader, err := c.reader()
	if err != nil {
		return err
	}
	q, err := newQuery(c.request.URL.RawQuery, "limit", "cursor", "format")
	if err != nil {
		return err
	}
	if q.has("format") {
		return c.export(reader, q)
	}
	after, limit := q.row(activityCursor, isActivityRow), q.limit(activitiesPage, activitiesMost)
	if q.err != nil {
		return q.err
	}
	ctx, cancel := context.WithTimeout(c.request.Context(), readingTimeout)
	defer cancel()
	key := c.parameters[1]
	conversation, excerpt, err := reader.Read(ctx, key, transcript.Part{After: after, Limit: limit, MaxBytes: maxPageBytes})
	if err != nil {
		return err
	}
	c.note(audit.Read, len(excerpt.Records))
	body, err := encodeExcerpt(newConversationItem(key, conversation), excerpt)
	if err != nil {
		return err
	}
	return c.writeEncoded(http.StatusOK, jsonType, body)
}

func isActivityRow(row string) bool {
	_, ok := transcript.RowTime(row)
	return ok
}

// encodeExcerpt writes the activities as they are stored, which is JSON; package
// json would rewrite them.
func encodeExcerpt(head conversationItem, excerpt transcript.Excerpt) ([]byte, error) {
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	var body bytes.Buffer
	body.Write(bytes.TrimSuffix(encoded, []byte("}")))
	body.WriteString(`,"activities":[`)
	for i := range excerpt.Records {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(excerpt.Records[i].Activity)
	}
	body.WriteByte(']')
	if cursor := newCursor(activityCursor, excerpt.Next); cursor != "" {
		body.WriteString(`,"cursor":"` + cursor + `"`)
	}
	body.WriteByte('}')
	return body.Bytes(), nil
}

// auditItem is an entry of the audit in answers.
type auditItem struct {
	At              time.Time    `json:"at"`
	Action          audit.Action `json:"action"`
	TenantID        string       `json:"tenantId,omitempty"`
	ObjectID        string       `json:"objectId,omitempty"`
	ConversationKey string       `json:"conversationKey,omitempty"`
	UserID          string       `json:"userId,omitempty"`
	Count           int          `json:"count"`
	InvocationID    string       `json:"invocationId,omitempty"`
}

// readAudit answers with a page of the audit, newest first.
func (c *deskCall) readAudit() error {
	eraser, err := c.eraser()
	if err != nil {
		return err
	}
	q, err := newQuery(c.request.URL.RawQuery, "limit", "cursor")
	if err != nil {
		return err
	}
	after := q.row(auditCursor, func(row string) bool { _, _, err := audit.Range(eraser.Assistant(), row); return err == nil })
	limit := q.limit(auditPage, auditMost)
	if q.err != nil {
		return q.err
	}
	ctx, cancel := context.WithTimeout(c.request.Context(), readingTimeout)
	defer cancel()
	page, err := eraser.Audit(ctx, after, limit)
	if err != nil {
		return err
	}
	c.note(audit.ReadAudit, len(page.Entries))
	answer := struct {
		Items  []auditItem `json:"items"`
		Cursor string      `json:"cursor,omitempty"`
	}{Items: make([]auditItem, 0, len(page.Entries)), Cursor: newCursor(auditCursor, page.Next)}
	for _, entry := range page.Entries {
		answer.Items = append(answer.Items, newAuditItem(entry))
	}
	return c.writeJSON(http.StatusOK, jsonType, answer)
}

func newAuditItem(of audit.Entry) auditItem {
	return auditItem{
		At:              of.At.UTC(),
		Action:          of.Action,
		TenantID:        of.TenantID,
		ObjectID:        of.ObjectID,
		ConversationKey: of.ConversationKey,
		UserID:          of.UserID,
		Count:           of.Count,
		InvocationID:    of.InvocationID,
	}
}
