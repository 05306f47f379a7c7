package directline

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// Deliver hands the bot an activity (JSON with at least a type) that another part
// of Azure Bot Service sends in a user's name, as the Token Service does with the
// event tokens/response. Clients do not see it. The error says that the
// conversation is unknown ([ErrUnknownConversation]) or that the bot refused.
func (s *Server) Deliver(ctx context.Context, conversationID, userID string, activity json.RawMessage) error {
	target, err := s.conversation(conversationID)
	if err != nil {
		return ErrUnknownConversation
	}
	read, err := readActivity(activity)
	if err != nil {
		return fmt.Errorf("taking a service's activity: %w", err)
	}
	read.fields["id"] = quoted(rand.Text())
	read.fields["timestamp"] = s.timestamp()
	read.fields["from"] = encoded(Account{ID: userID})
	read.fields["recipient"] = encoded(s.bot)
	return s.deliver(ctx, stamp(target, read))
}
