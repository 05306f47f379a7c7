package main

import (
	"encoding/json"
	"iter"
	"net/http"

	"chatgate/internal/standin/directline"
)

// storedConversation is what /local/transcripts shows of one.
type storedConversation struct {
	ConversationID string            `json:"conversationId"`
	Activities     []json.RawMessage `json:"activities"`
}

func (s *site) transcripts(w http.ResponseWriter, r *http.Request) {
	all := []storedConversation{}
	for conversation, err := range s.conversations(r) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		all = append(all, conversation)
	}
	writeJSON(w, all)
}

// conversations yields everything that is stored, newest day first. A
// conversation of several days comes once.
func (s *site) conversations(r *http.Request) iter.Seq2[storedConversation, error] {
	return func(yield func(storedConversation, error) bool) {
		seen := map[string]bool{}
		for row, err := range s.store.Conversations(r.Context(), assistant) {
			if err != nil {
				yield(storedConversation{}, err)
				return
			}
			if seen[row.ConversationID] {
				continue
			}
			seen[row.ConversationID] = true
			conversation, err := s.conversation(r, row.ConversationID)
			if !yield(conversation, err) || err != nil {
				return
			}
		}
	}
}

func (s *site) conversation(r *http.Request, id string) (storedConversation, error) {
	conversation := storedConversation{ConversationID: id, Activities: []json.RawMessage{}}
	for record, err := range s.store.Activities(r.Context(), assistant, id) {
		if err != nil {
			return conversation, err
		}
		conversation.Activities = append(conversation.Activities, record.Activity)
	}
	return conversation, nil
}

// tokenCalls counts what reached Direct Line for tokens.
func (s *site) tokenCalls() int {
	return s.cloud.DirectLine.Calls(directline.GenerateToken) + s.cloud.DirectLine.Calls(directline.RefreshToken)
}
