package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"chatgate/internal/redacted"
)

// maxSessions bounds the memory: who logs in while so many others are, is told to
// come back.
const maxSessions = 10_000

// LoginOptions are how the bot lets users log in, by nothing but Chatgate's public
// HTTP API. URL and Token are needed; the zero value of each other field means the
// default that its comment names.
type LoginOptions struct {
	// URL is Chatgate's address, such as http://localhost:7071.
	URL string
	// Token gives the bot's own app-only token for Chatgate's API;
	// [ClientCredentials] does.
	Token func(ctx context.Context) (redacted.Text, error)
	// Assistant is what the bot is called there (demo).
	Assistant string
	// PhoneURL is where the user's phone is (URL, and /local/phone).
	PhoneURL string
	// Connection is the OAuth connection of the bot that "sign in" is for (none:
	// "sign in" is not offered).
	Connection string
	// Client sends the requests (one that does not follow redirects).
	Client *http.Client
}

func loginDefaults(options *LoginOptions) *LoginOptions {
	if options == nil {
		return nil
	}
	chosen := *options
	chosen.URL = strings.TrimRight(chosen.URL, "/")
	chosen.Assistant = cmp.Or(chosen.Assistant, "demo")
	chosen.PhoneURL = cmp.Or(chosen.PhoneURL, chosen.URL+"/local/phone")
	if chosen.Client == nil {
		chosen.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &chosen
}

// logins is what the bot knows of its users' logins. It is in memory only: when
// the bot ends, its users log in again.
type logins struct {
	api *chatgate

	mu       sync.Mutex
	sessions map[person]*session
	closed   bool
	polling  sync.WaitGroup
}

// person is somebody in a conversation: what a login is bound to.
type person struct{ conversation, user string }

func personOf(received Activity) person {
	return person{received.Conversation.ID, received.From.ID}
}

// session is the login of one person.
type session struct {
	// using keeps two calls from refreshing the same token at once: what it is
	// refreshed by may be good for once only.
	using sync.Mutex

	token   redacted.Text // sealed; guarded by logins.mu, as waiting is
	waiting *waiting
}

// session returns somebody's, or nil where there is none.
func (l *logins) session(who person) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[who]
}

// token is the sealed token that a session holds.
func (l *logins) token(of *session) redacted.Text {
	l.mu.Lock()
	defer l.mu.Unlock()
	return of.token
}

// keep makes token the one that a session holds; an empty one ends the login.
func (l *logins) keep(who person, token redacted.Text) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sessions[who]
	if of == nil {
		return
	}
	of.token = token
	l.forgetIdle(who, of)
}

// forgetIdle drops a session that holds nothing. l.mu is held.
func (l *logins) forgetIdle(who person, of *session) {
	if of.token.IsEmpty() && of.waiting == nil {
		delete(l.sessions, who)
	}
}

// Close ends the polls of logins that users have not decided, and waits for them.
// Nobody is told. A closed bot still answers, but lets nobody log in.
func (b *Bot) Close() {
	l := b.logins
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closed = true
	for _, each := range l.sessions {
		if each.waiting != nil {
			each.waiting.stop()
		}
	}
	l.mu.Unlock()
	l.polling.Wait()
}

// wish is something that a user wants of the login, in any of its spellings.
type wish int

const (
	none wish = iota
	logIn
	signIn
	logOut
	balance
	typedCode
)

// understand reads a message. hint is whom a user wants to log in as.
func understand(text string) (wanted wish, hint string) {
	words := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	if rest, found := strings.CutPrefix(words, "log in as "); found {
		return logIn, rest
	}
	switch words {
	case "log in", "login":
		return logIn, ""
	case "sign in", "signin":
		return signIn, ""
	case "log out", "logout", "sign out", "signout":
		return logOut, ""
	case "balance":
		return balance, ""
	}
	if regexp.MustCompile(`^[0-9]{6}$`).MatchString(words) {
		return typedCode, ""
	}
	return none, ""
}

// converseAboutLogin answers what concerns the login, and tells whether it did.
func (b *Bot) converseAboutLogin(ctx context.Context, received Activity) (answered bool, err error) {
	if b.logins == nil {
		return false, nil
	}
	wanted, hint := understand(received.Text)
	switch wanted {
	case logIn:
		return true, b.logIn(ctx, received, hint)
	case signIn:
		return true, b.signIn(ctx, received)
	case logOut:
		return true, b.logOut(ctx, received)
	case balance:
		return true, b.balance(ctx, received)
	case typedCode:
		return b.takeCode(ctx, received, received.Text)
	case none:
	}
	return false, nil
}

// logIn has the user's phone asked.
func (b *Bot) logIn(ctx context.Context, received Activity, hint string) error {
	begun, err := b.begin(ctx, received, startRequest{Provider: "loginapi", Hint: hint})
	if err != nil {
		return b.reply(ctx, received, b.notBegun(personOf(received), err))
	}
	answer := message("I asked your phone whether it is you, under the code **" + begun.BindingCode + "**.\n\n" +
		"Accept there only if it shows the same code. " + b.whereThePhoneIs())
	answer.TextFormat = "markdown"
	return b.reply(ctx, received, answer)
}

func (b *Bot) whereThePhoneIs() string {
	phone := b.options.Login.PhoneURL
	label := phone
	if at, err := url.Parse(phone); err == nil && at.Path != "" {
		label = at.Path
	}
	return "On this machine, open [" + label + "](" + phone + ")."
}

// signIn shows a card by which the user signs in at an OAuth connection.
func (b *Bot) signIn(ctx context.Context, received Activity) error {
	connection := b.options.Login.Connection
	if connection == "" {
		return b.reply(ctx, received, message("There is nowhere to sign in. Say log in to use your phone."))
	}
	begun, err := b.begin(ctx, received, startRequest{
		Provider: "botservice", Connection: connection, ChannelID: received.ChannelID, ServiceURL: received.ServiceURL,
	})
	if err != nil {
		return b.reply(ctx, received, b.notBegun(personOf(received), err))
	}
	return b.reply(ctx, received, signInCard(connection, begun.SignInLink))
}

// takeCode passes on the code that a sign-in page showed. Where no sign-in waits,
// six digits are just a message.
func (b *Bot) takeCode(ctx context.Context, received Activity, code string) (taken bool, err error) {
	if !b.logins.offer(personOf(received), strings.TrimSpace(code)) {
		return false, nil
	}
	return true, b.reply(ctx, received, message("Let me check that code."))
}

// verifyState takes the code from channels whose sign-in page sends it by itself.
func (b *Bot) verifyState(ctx context.Context, received Activity) error {
	var typed struct {
		State string `json:"state"`
	}
	readable := json.Unmarshal(received.Value, &typed) == nil
	if b.logins == nil || !readable || !strings.EqualFold(received.Name, "signin/verifyState") {
		return nil
	}
	_, err := b.takeCode(ctx, received, typed.State)
	return err
}

// hearEvent notices that the Token Service has the user's token, which it sends
// along. The bot has no use for that: it gets a sealed one from Chatgate at its
// next poll, which may not come any sooner.
func (b *Bot) hearEvent(ctx context.Context, received Activity) error {
	if b.logins == nil || !b.logins.waits(personOf(received)) {
		return nil
	}
	return b.reply(ctx, received, Activity{Type: "typing"})
}

func (b *Bot) logOut(ctx context.Context, received Activity) error {
	who := personOf(received)
	dropped := b.logins.drop(who)
	of := b.logins.session(who)
	isLoggedIn := of != nil && !b.logins.token(of).IsEmpty()
	if isLoggedIn {
		b.forget(ctx, who, of)
	}
	switch {
	case dropped && isLoggedIn:
		return b.reply(ctx, received, message("You are logged out, and I no longer wait for the login that you began."))
	case dropped:
		return b.reply(ctx, received, message("I no longer wait for the login that you began, whatever you answer there. Say log in if you want it after all."))
	case isLoggedIn:
		return b.reply(ctx, received, message("You are logged out."))
	}
	return b.reply(ctx, received, message("You are not logged in."))
}

// forget ends a login. That the client's system does not hear of it is no reason
// to go on using the token.
func (b *Bot) forget(ctx context.Context, who person, of *session) {
	token := b.logins.token(of)
	b.logins.keep(who, redacted.Text{})
	b.giveBack(ctx, token, who)
}

func (b *Bot) giveBack(ctx context.Context, token redacted.Text, who person) {
	if err := b.logins.api.signOut(ctx, token, who.conversation); err != nil {
		b.options.Logger.Warn("signing a user out failed", "error", err)
	}
}
