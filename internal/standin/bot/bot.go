// Package bot is the demo bot behind the stand-in of Direct Line: it greets,
// echoes and shows cards, so that whoever tries Chatgate on one machine has
// somebody to talk to. Like a bot in production it logs every activity that it
// receives or sends to Service Bus ([Bus]), from where Chatgate stores it. It also
// shows how a bot lets users log in through Chatgate ([LoginOptions]).
//
// It is never part of the deployed program.
package bot

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Conversations is where the bot sends its activities: the Bot Connector, or
// what stands in for it.
type Conversations interface {
	// Send puts an activity into a conversation and returns its id there.
	Send(ctx context.Context, conversationID string, activity json.RawMessage) (id string, err error)
}

// Transcript is where the bot logs activities. [Bus] is one.
type Transcript interface {
	// Log takes one activity (JSON). Once it returns nil, the activity is
	// logged sooner or later.
	Log(ctx context.Context, activity json.RawMessage) error
}

// DefaultThinking is how long the bot thinks about "slow".
const DefaultThinking = 2 * time.Second

// Options are the properties of a Bot. The zero value of each field means the
// default that its comment names.
type Options struct {
	// Name is how the bot introduces itself (Demo bot).
	Name string
	// Thinking is the pause between the typing indicator and the answer to
	// "slow" ([DefaultThinking]).
	Thinking time.Duration
	// Login lets users log in (it is not offered).
	Login *LoginOptions
	// Logger is told what goes wrong with logins, without any content (discards).
	Logger *slog.Logger
	// Now is the clock of the activities that the bot makes (time.Now).
	Now func() time.Time
}

// Bot answers activities. Between them it keeps nothing but its users' logins. It
// may be used by several goroutines at once; where logins are offered, close it.
type Bot struct {
	conversations Conversations
	transcript    Transcript
	options       Options
	logins        *logins // nil where they are not offered
}

// New returns a bot that sends to conversations and logs to transcript; a nil
// transcript logs nothing.
func New(conversations Conversations, transcript Transcript, options *Options) *Bot {
	chosen := Options{}
	if options != nil {
		chosen = *options
	}
	if chosen.Name == "" {
		chosen.Name = "Demo bot"
	}
	if chosen.Thinking == 0 {
		chosen.Thinking = DefaultThinking
	}
	if chosen.Now == nil {
		chosen.Now = time.Now
	}
	if chosen.Logger == nil {
		chosen.Logger = slog.New(slog.DiscardHandler)
	}
	if transcript == nil {
		transcript = noTranscript{}
	}
	chosen.Login = loginDefaults(chosen.Login)
	made := &Bot{conversations: conversations, transcript: transcript, options: chosen}
	if chosen.Login != nil {
		made.logins = &logins{api: &chatgate{*chosen.Login}, sessions: map[person]*session{}}
	}
	return made
}

// noTranscript logs nothing.
type noTranscript struct{}

func (noTranscript) Log(context.Context, json.RawMessage) error { return nil }

// ErrAsked is what the bot fails with when a user says "error".
var ErrAsked = errors.New("the user asked for an error")

// Receive logs an activity, answers it and logs the answers. Its error says
// that the activity was not dealt with.
func (b *Bot) Receive(ctx context.Context, activity json.RawMessage) error {
	var received Activity
	if err := json.Unmarshal(activity, &received); err != nil {
		return fmt.Errorf("reading an activity: %w", err)
	}
	logged, err := asReceived(activity, received)
	if err != nil {
		return err
	}
	if err := b.transcript.Log(ctx, logged); err != nil {
		return fmt.Errorf("logging what was received: %w", err)
	}
	return b.answer(ctx, received)
}

// asReceived is an activity as the Bot Framework's transcript logger writes it:
// with the sender's role, which channels leave out, and without credentials.
func asReceived(activity json.RawMessage, received Activity) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(activity, &fields); err != nil {
		return nil, fmt.Errorf("reading an activity: %w", err)
	}
	if received.From.Role == "" {
		received.From.Role = "user"
	}
	from, err := json.Marshal(received.From)
	if err != nil {
		return nil, fmt.Errorf("writing the sender: %w", err)
	}
	fields["from"] = from
	if carriesCredential(received) {
		fields["value"] = json.RawMessage(`{"redacted":true}`)
	}
	logged, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("writing an activity: %w", err)
	}
	return logged, nil
}

// carriesCredential tells of activities whose value is a user's token, or what is
// exchanged for one. Chatgate stores no such value, but it need not travel.
func carriesCredential(received Activity) bool {
	name := strings.ToLower(received.Name)
	return received.Type == "event" && name == "tokens/response" || received.Type == "invoke" && strings.HasPrefix(name, "signin/")
}

// reply sends one activity in answer to another, and logs it.
func (b *Bot) reply(ctx context.Context, to, answer Activity) error {
	answer.Timestamp = b.options.Now().UTC().Format(time.RFC3339Nano)
	answer.ChannelID, answer.ServiceURL, answer.Locale = to.ChannelID, to.ServiceURL, to.Locale
	answer.Conversation = to.Conversation
	answer.From = Account{ID: to.Recipient.ID, Name: to.Recipient.Name, Role: "bot"}
	answer.Recipient = to.From
	answer.ReplyToID = to.ID
	unsent, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	if answer.ID, err = b.conversations.Send(ctx, to.Conversation.ID, unsent); err != nil {
		return fmt.Errorf("sending an answer: %w", err)
	}
	if answer.ID == "" { // as the Bot Framework does for channels that give none
		answer.ID = "g_" + rand.Text()
	}
	sent, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	if err := b.transcript.Log(ctx, sent); err != nil {
		return fmt.Errorf("logging an answer: %w", err)
	}
	return nil
}
