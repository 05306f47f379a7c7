package bot

import (
	"context"
	"errors"
	"net/http"
	"time"

	"chatgate/internal/redacted"
)

const (
	// leastInterval is the pause between polls where none is named.
	leastInterval = time.Second
	// slowDownStep is what slow_down adds to it (RFC 8628 section 3.5).
	slowDownStep = 5 * time.Second
)

// Statuses of a login, in the words of RFC 8628.
const (
	statusPending  = "authorization_pending"
	statusSlowDown = "slow_down"
	statusDenied   = "access_denied"
	statusExpired  = "expired_token"
	statusApproved = "approved"
)

// waiting is a login that a user has not decided yet. Its goroutine polls.
type waiting struct {
	who      person
	to       Activity // what the user said, to answer it later
	begun    started  // what to show, should the user ask again
	login    string   // sealed
	interval time.Duration
	stop     context.CancelFunc
	// codes is what the user types from a sign-in page, the newest; nil where there
	// is no such page.
	codes chan string
	code  string // what is still to be sent; of the goroutine only
	// dropped: the user has said log out meanwhile. Chatgate knows no way to cancel
	// a login and lets none begin beside it, so that the polls go on: the user may
	// want it after all. Guarded by logins.mu.
	dropped bool
}

var (
	errClosed = errors.New("the bot is closing")
	errFull   = errors.New("too many users are logged in")
)

// begin starts a login at Chatgate and polls it in the background, until the user
// has decided or its time is over.
func (b *Bot) begin(ctx context.Context, received Activity, request startRequest) (started, error) {
	request.ConversationID, request.UserID = received.Conversation.ID, received.From.ID
	begun, err := b.logins.api.start(ctx, request)
	if err != nil {
		return started{}, err
	}
	interval := max(begun.Interval.duration(), leastInterval)
	// Chatgate itself says that a login has expired. Should it be away, the bot
	// notices one interval later.
	polling, stop := context.WithTimeout(context.WithoutCancel(ctx), begun.ExpiresIn.duration()+interval)
	added := &waiting{
		who: personOf(received), to: received, begun: begun, login: begun.Login, interval: interval, stop: stop,
	}
	if begun.SignInLink != "" {
		added.codes = make(chan string, 1)
	}
	if err := b.logins.add(added); err != nil {
		stop()
		return started{}, err
	}
	go func() {
		defer b.logins.polling.Done()
		defer stop()
		b.await(polling, added)
	}()
	return begun, nil
}

// add makes w the login that its person waits for, in place of an older one.
func (l *logins) add(w *waiting) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[w.who]
	switch {
	case l.closed:
		return errClosed
	case of == nil && len(l.sessions) >= maxSessions:
		return errFull
	case of == nil:
		of = &session{}
		l.sessions[w.who] = of
	case of.waiting != nil:
		of.waiting.stop()
	}
	of.waiting = w
	l.polling.Add(1)
	return nil
}

// finish notes that w waits no more, and the token that came of it, if its person
// still waits for one. It reports whether they do.
func (l *logins) finish(w *waiting, token redacted.Text) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[w.who]
	if of == nil || of.waiting != w {
		return false
	}
	of.waiting = nil
	if !token.IsEmpty() && !w.dropped {
		of.token = token
	}
	l.forgetIdle(w.who, of)
	return !w.dropped
}

// waits tells whether somebody's login waits.
func (l *logins) waits(who person) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[who]
	return of != nil && of.waiting != nil && !of.waiting.dropped
}

// drop makes nothing come of the login that somebody waits for, and resume takes
// that back. Both report whether there is one.
func (l *logins) drop(who person) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[who]
	if of == nil || of.waiting == nil || of.waiting.dropped {
		return false
	}
	of.waiting.dropped = true
	return true
}

func (l *logins) resume(who person) (begun started, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[who]
	if of == nil || of.waiting == nil {
		return started{}, false
	}
	of.waiting.dropped = false
	return of.waiting.begun, true
}

// offer hands a code to somebody's sign-in, if one waits; a newer one replaces it.
func (l *logins) offer(who person, code string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[who]
	if of == nil || of.waiting == nil || of.waiting.dropped || of.waiting.codes == nil {
		return false
	}
	select {
	case <-of.waiting.codes:
	default:
	}
	of.waiting.codes <- code // of size 1, and only filled here
	return true
}

// await polls until the login is over, and tells the user.
func (b *Bot) await(ctx context.Context, w *waiting) {
	timer := time.NewTimer(w.interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				b.conclude(ctx, w, redacted.Text{}, expired())
			}
			b.logins.finish(w, redacted.Text{})
			return
		case w.code = <-w.codes: // goes along with the next poll, which may not come any sooner
			continue
		case <-timer.C:
		}
		if b.pollOnce(ctx, w) {
			return
		}
		timer.Reset(w.interval)
	}
}

// pollOnce polls, and tells whether the login is over.
func (b *Bot) pollOnce(ctx context.Context, w *waiting) (over bool) {
	answer, err := b.logins.api.poll(ctx, pollRequest{w.login, w.who.conversation, w.who.user, w.code})
	if err != nil {
		return ctx.Err() == nil && b.afterFailure(ctx, w, err)
	}
	interval := answer.Interval.duration()
	switch answer.Status {
	case statusPending:
		if w.code != "" {
			b.tell(ctx, w.to, message("That is not the code. Look at the sign-in page again, and type its six digits here."))
		}
		w.code, w.interval = "", max(interval, leastInterval)
		return false
	case statusSlowDown: // the code was not looked at
		if interval <= w.interval {
			interval = w.interval + slowDownStep
		}
		w.interval = interval
		return false
	case statusApproved:
		words := loggedIn()
		if answer.Token == "" {
			words = failed()
		}
		b.conclude(ctx, w, redacted.New(answer.Token), words)
	case statusDenied:
		b.conclude(ctx, w, redacted.Text{}, message("You declined, so you are not logged in."))
	case statusExpired:
		b.conclude(ctx, w, redacted.Text{}, expired())
	default:
		b.conclude(ctx, w, redacted.Text{}, failed())
	}
	return true
}

// afterFailure gives up where another poll would not help.
func (b *Bot) afterFailure(ctx context.Context, w *waiting, err error) (over bool) {
	b.options.Logger.Warn("polling a login failed", "error", err)
	var refused *refusal
	if !errors.As(err, &refused) {
		return false // Chatgate may come back
	}
	passes := refused.status >= http.StatusInternalServerError || refused.status == http.StatusTooManyRequests
	if !passes || refused.code == "login_refused" {
		b.conclude(ctx, w, redacted.Text{}, failed())
		return true
	}
	w.interval = max(w.interval, refused.retryAfter)
	return false
}

// conclude keeps the token, if there is one, and tells the user. A token that
// nobody waits for any more is given back.
func (b *Bot) conclude(ctx context.Context, w *waiting, token redacted.Text, words Activity) {
	switch {
	case b.logins.finish(w, token):
		b.tell(ctx, w.to, words)
	case !token.IsEmpty():
		b.giveBack(ctx, token, w.who)
	}
}

// tell says something that the user did not ask for just now.
func (b *Bot) tell(ctx context.Context, to, words Activity) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := b.reply(ctx, to, words); err != nil {
		b.options.Logger.Warn("telling a user of the login failed", "error", err)
	}
}

func loggedIn() Activity {
	answer := message("You are logged in. Ask for your balance.")
	answer.SuggestedActions = suggestions("balance", "log out")
	return answer
}

func expired() Activity {
	return tryAgain("Nobody answered in time, so you are not logged in.")
}

func failed() Activity {
	return tryAgain("The login did not work.")
}

func tryAgain(why string) Activity {
	answer := message(why + " Say log in to try again.")
	answer.SuggestedActions = suggestions("log in")
	return answer
}
