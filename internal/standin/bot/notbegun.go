package bot

import (
	"errors"
	"fmt"
	"time"
)

// notBegun answers who cannot begin a login. Where that is because one waits
// already, it is shown again: its code or card may be far up in the chat by now.
func (b *Bot) notBegun(who person, err error) Activity {
	if codeOf(err) == "login_pending" {
		if begun, waits := b.logins.resume(who); waits {
			return b.showAgain(begun, err)
		}
	}
	return b.whyNot(err)
}

func (b *Bot) showAgain(begun started, err error) Activity {
	if begun.SignInLink != "" {
		answer := signInCard(b.options.Login.Connection, begun.SignInLink)
		answer.Text = "A login is waiting for you already. Sign in by this card, or ask again" + inTime(err) + "."
		return answer
	}
	answer := message("A login is waiting for you already, under the code **" + begun.BindingCode + "**.\n\n" +
		"Accept it only if your phone shows the same code, or ask again" + inTime(err) + ". " + b.whereThePhoneIs())
	answer.TextFormat = "markdown"
	return answer
}

// whyNot puts a refused start into words.
func (b *Bot) whyNot(err error) Activity {
	b.options.Logger.Warn("starting a login failed", "error", err)
	var refused *refusal
	if !errors.As(err, &refused) {
		return tryAgain("I cannot reach the login just now.")
	}
	switch refused.code {
	case "login_pending":
		return message("A login is waiting for you already. Answer that one, or ask again" + inTime(err) + ".")
	case "login_cooldown":
		return message("You have just declined. Ask again" + inTime(err) + ".")
	case "rate_limited":
		return message("That was often enough for now. Ask again" + inTime(err) + ".")
	}
	return tryAgain("I cannot start a login just now.")
}

// inTime is after how long a refused call may be made again, as people say it.
func inTime(err error) string {
	wait := time.Second
	var refused *refusal
	if errors.As(err, &refused) {
		wait = max(wait, refused.retryAfter)
	}
	if wait < 2*time.Minute {
		return fmt.Sprintf(" in %d seconds", int(wait.Seconds()))
	}
	return fmt.Sprintf(" in %d minutes", (wait+time.Minute-1)/time.Minute)
}
