package directline

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// startConversation answers 201, or 200 where this token has started it before.
func (s *Server) startConversation(w http.ResponseWriter, r *http.Request) error {
	who, err := s.caller(r)
	if err != nil {
		return err
	}
	parameters, err := readParameters(w, r)
	if err != nil {
		return err
	}
	holder, err := starter(who, parameters)
	if err != nil {
		return err
	}
	started, created := s.begin(holder.conversation, Account{ID: holder.user, Name: parameters.User.Name, Role: "user"}, parameters.Locale)
	answer, err := s.newStreamToken(r, holder, 0, "-")
	if err != nil {
		return err
	}
	if !created {
		writeJSON(w, http.StatusOK, answer)
		return nil
	}
	s.announce(r.Context(), started, holder.user)
	writeJSON(w, http.StatusCreated, answer)
	return nil
}

// starter returns for which conversation and user the new token is. A user in
// the caller's token wins over the one in the body.
func starter(who caller, parameters tokenParameters) (caller, error) {
	holder := caller{conversation: who.conversation, user: who.user, origins: who.origins}
	if who.hasSecret {
		holder.conversation, holder.origins = newConversationID(), parameters.TrustedOrigins
	}
	if holder.user != "" {
		return holder, nil
	}
	if strings.HasPrefix(parameters.User.ID, reservedPrefix) && !who.hasSecret {
		return caller{}, badRequest(codeBadArgument, "User ids that begin with 'dl_' must be in the token")
	}
	holder.user = parameters.User.ID
	return holder, nil
}

// reconnect answers with a fresh token and stream URL. Without a watermark the
// stream brings only what comes later.
func (s *Server) reconnect(w http.ResponseWriter, r *http.Request) error {
	who, found, err := s.conversationOf(r)
	if err != nil {
		return err
	}
	if who.hasSecret && strings.HasPrefix(found.user.ID, reservedPrefix) {
		// A secret knows no user, and enhanced authentication wants one.
		return badRequest(codeMissingProperty, "No user ID specified")
	}
	position, err := found.position(r.URL.Query().Get("watermark"), found.length())
	if err != nil {
		return err
	}
	holder := caller{conversation: found.id, user: who.user, origins: who.origins}
	answer, err := s.newStreamToken(r, holder, position, watermarkAt(position))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// getActivities is polling; typing indicators come over WebSocket only.
func (s *Server) getActivities(w http.ResponseWriter, r *http.Request) error {
	_, found, err := s.conversationOf(r)
	if err != nil {
		return err
	}
	position, err := found.position(r.URL.Query().Get("watermark"), 0)
	if err != nil {
		return err
	}
	activities, next := found.after(position, maxActivities)
	writeJSON(w, http.StatusOK, activitySet{activities, watermarkAt(next)})
	return nil
}

func (s *Server) postActivity(w http.ResponseWriter, r *http.Request) error {
	who, found, err := s.conversationOf(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r, maxActivityBytes)
	if err != nil {
		return err
	}
	return s.post(w, r, found, who, body)
}

// post shows an activity to the listeners, hands it to the bot and answers with
// its id. The echo comes first: that order is what clients are written for.
func (s *Server) post(w http.ResponseWriter, r *http.Request, to *conversation, who caller, body []byte) error {
	activity, speaker, err := s.stampUserActivity(to, who, body)
	if err != nil {
		return err
	}
	id, err := to.append(activity)
	if err != nil {
		return err
	}
	if to.join(speaker.ID) {
		// Best effort, as at the start: what counts is the activity itself.
		_ = s.deliver(r.Context(), s.update(to, speaker))
	}
	if err := s.deliver(r.Context(), activity.with("recipient", s.bot)); err != nil {
		return &failure{http.StatusBadGateway, codeBotRejectedActivity, "Failed to send activity: bot returned an error"}
	}
	writeJSON(w, http.StatusOK, struct {
		ID string `json:"id"`
	}{id})
	return nil
}

// announce tells the bot who takes part at the start. A bot that fails here
// does not keep the conversation from starting.
func (s *Server) announce(ctx context.Context, started *conversation, userID string) {
	members := []Account{{ID: s.bot.ID, Name: s.bot.Name}}
	if userID != "" && started.join(userID) {
		members = append(members, Account{ID: userID, Name: started.user.Name})
	}
	_ = s.deliver(ctx, s.update(started, members...))
}

// update is a conversationUpdate that adds members.
func (s *Server) update(to *conversation, members ...Account) stamped {
	newest := members[len(members)-1]
	fields := map[string]json.RawMessage{
		"type":         quoted(kindConversationUpdate),
		"id":           quoted(rand.Text()),
		"timestamp":    s.timestamp(),
		"from":         encoded(Account{ID: newest.ID, Name: newest.Name}),
		"recipient":    encoded(s.bot),
		"membersAdded": encoded(members),
	}
	if to.locale != "" {
		fields["locale"] = quoted(to.locale)
	}
	return stamp(to, stamped{kindConversationUpdate, fields})
}

// deliver hands an activity to the bot, which goes on when the client hangs up.
func (s *Server) deliver(ctx context.Context, activity stamped) error {
	s.mu.Lock()
	receiver := s.receiver
	s.mu.Unlock()
	if receiver == nil {
		return errors.New("there is no bot")
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.BotTimeout)
	defer cancel()
	if err := receiver.Receive(limited, activity.encode()); err != nil {
		return fmt.Errorf("delivering to the bot: %w", err)
	}
	return nil
}

// readBody reads at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, badRequest(codeTooLarge, "The body is too large")
	}
	if err != nil {
		return nil, badRequest(codeBadArgument, "The body cannot be read")
	}
	return body, nil
}
