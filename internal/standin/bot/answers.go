package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// longSentences makes the answer to "long" exceed what one property of Table
// Storage holds (32 K characters), so that the store has to split it.
const longSentences = 500

// answer does what the activity asks for.
func (b *Bot) answer(ctx context.Context, received Activity) error {
	switch received.Type {
	case "conversationUpdate":
		return b.greet(ctx, received)
	case "message":
		return b.converse(ctx, received)
	case "event":
		if strings.EqualFold(received.Name, "tokens/response") {
			return b.hearEvent(ctx, received)
		}
		return nil
	case "invoke":
		return b.verifyState(ctx, received)
	default: // typing, events and the like ask for nothing
		return nil
	}
}

// greet welcomes people, and not itself: the bot is a member too.
func (b *Bot) greet(ctx context.Context, received Activity) error {
	for _, member := range received.MembersAdded {
		if member.ID == received.Recipient.ID {
			continue
		}
		received.From = Account{ID: member.ID, Name: member.Name, Role: "user"}
		welcome := message("Hello! I am the " + b.options.Name + ". Say anything and I will say it back, or say help.")
		welcome.SuggestedActions = suggestions(b.words("help", "card", "slow", "long")...)
		if err := b.reply(ctx, received, welcome); err != nil {
			return err
		}
	}
	return nil
}

// words are what the bot suggests: what it can, and the login where that is
// offered.
func (b *Bot) words(always ...string) []string {
	if b.logins == nil {
		return always
	}
	always = append(always, "log in")
	if b.options.Login.Connection != "" {
		always = append(always, "sign in")
	}
	return always
}

func suggestions(words ...string) *SuggestedActions {
	actions := make([]CardAction, 0, len(words))
	for _, word := range words {
		actions = append(actions, CardAction{Type: "imBack", Title: word, Value: word})
	}
	return &SuggestedActions{Actions: actions}
}

// converse answers a message.
func (b *Bot) converse(ctx context.Context, received Activity) error {
	if answered, err := b.converseAboutLogin(ctx, received); answered || err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(received.Text)) {
	case "help":
		return b.reply(ctx, received, b.help())
	case "card":
		return b.reply(ctx, received, cards())
	case "slow":
		return b.think(ctx, received)
	case "long":
		return b.reply(ctx, received, message(longText()))
	case "error":
		return ErrAsked
	default:
		return b.reply(ctx, received, message(echo(received)))
	}
}

func (b *Bot) help() Activity {
	lines := []string{
		"Here is what I understand:",
		"",
		"- **help** shows this list",
		"- **card** shows an adaptive card and a hero card",
		"- **slow** lets me think first, with a typing indicator",
		"- **long** gives a very long answer",
		"- **error** makes me fail: Direct Line answers 502, and I say nothing",
	}
	if b.logins != nil {
		lines = append(lines,
			"- **log in** asks your phone whether it is you; **log in as …** asks somebody else's",
			"- **balance** shows what you have in the bank, once you are logged in",
			"- **log out** makes me forget that you are, or stop waiting for it")
		if b.options.Login.Connection != "" {
			lines = append(lines, "- **sign in** does it with a page in place of the phone")
		}
	}
	lines = append(lines, "- anything else comes back to you, files included")
	answer := message(strings.Join(lines, "\n"))
	answer.TextFormat = "markdown"
	answer.SuggestedActions = suggestions(b.words("card", "slow", "long", "error")...)
	return answer
}

// echo says back what came: text, the values of a card, or the number of files.
func echo(received Activity) string {
	switch files := len(received.Attachments); {
	case files == 1:
		return fmt.Sprintf("Thank you for the file %s.", received.Attachments[0].Name)
	case files > 1:
		return fmt.Sprintf("Thank you for the %d files.", files)
	case strings.TrimSpace(received.Text) != "":
		return "You said: " + received.Text
	case len(received.Value) > 0:
		return "The card says: " + compact(received.Value)
	default:
		return "That was an empty message."
	}
}

func compact(value json.RawMessage) string {
	var short bytes.Buffer
	if json.Compact(&short, value) != nil {
		return "something unreadable"
	}
	return short.String()
}

// think shows that the bot is typing before it answers.
func (b *Bot) think(ctx context.Context, received Activity) error {
	if err := b.reply(ctx, received, Activity{Type: "typing"}); err != nil {
		return err
	}
	pause := time.NewTimer(b.options.Thinking)
	defer pause.Stop()
	select {
	case <-pause.C:
		return b.reply(ctx, received, message("I thought about it. Here is your answer."))
	case <-ctx.Done():
		return fmt.Errorf("thinking: %w", ctx.Err())
	}
}

func longText() string {
	var text strings.Builder
	for number := 1; number <= longSentences; number++ {
		fmt.Fprintf(&text, "%d. This sentence is here only to make the answer a long one, and it has a number.\n", number)
	}
	return text.String()
}
