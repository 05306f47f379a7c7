package probe

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// refusals are the checks of what the token functions must deny.
func refusals() []check {
	return []check{
		{"a foreign origin is denied", denies(func(*prober) string { return "https://chatgate-probe.invalid" })},
		{"the origin null is denied", denies(func(*prober) string { return "null" })},
		{"an origin that begins like ours is denied", denies(func(p *prober) string { return p.origin + ".chatgate-probe.invalid" })},
		{"a foreign page's preflight is denied", foreignPreflight},
		{"a foreign page's refresh is denied", foreignRefresh},
		{"a forged visitor is ignored", forgedVisitor},
		{"a changed visitor token is ignored", changedVisitor},
		{"a refresh without a token is denied", missingToken},
		{"a garbage token is denied", refuses(garbage, "token_invalid", "token_expired")},
		{"an expired token is denied", refuses(expired(), "token_expired")},
		{"an unknown assistant is denied", unknownAssistant},
	}
}

// denies checks that a page of another origin gets no token.
func denies(origin func(*prober) string) func(context.Context, *prober) error {
	return func(ctx context.Context, p *prober) error {
		got, err := p.send(ctx, question{path: p.tokenPath("GetNewToken"), header: map[string]string{"Origin": origin(p)}})
		if err != nil {
			return err
		}
		return errors.Join(got.wantNoToken(), got.wantNoCORS(), got.wantStatus(http.StatusForbidden, "origin_not_allowed"))
	}
}

func foreignPreflight(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, p.askPreflight("https://chatgate-probe.invalid"))
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoCORS(), got.wantStatus(http.StatusForbidden))
}

func foreignRefresh(ctx context.Context, p *prober) error {
	token := p.first.Token
	if token == "" {
		token = garbage
	}
	got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: map[string]string{
		"Origin": "https://chatgate-probe.invalid", "Authorization": "Bearer " + token,
	}})
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoToken(), got.wantNoCORS(), got.wantStatus(http.StatusForbidden, "origin_not_allowed"))
}

// forgedUser is the user that forged visitor tokens name.
const forgedUser = "dl_chatgateprobeforgeduser0"

// forgedVisitor shows a token of the right form that nobody signed.
func forgedVisitor(ctx context.Context, p *prober) error {
	forged := jwt(`{"alg":"none","typ":"JWT"}`,
		`{"iss":"chatgate","aud":"`+p.assistant+`","sub":"`+forgedUser+`","iat":1700000000,"exp":4102444800}`, "")
	got, err := p.askToken(ctx, forged)
	if err != nil {
		return err
	}
	if got.UserID == forgedUser {
		return errors.New("anybody can become any user: an unsigned visitor token was believed")
	}
	return nil
}

// changedVisitor shows a token of the app's own with another signature.
func changedVisitor(ctx context.Context, p *prober) error {
	if p.first.Token == "" {
		return errNoToken
	}
	at := strings.LastIndexByte(p.first.Visitor, '.')
	if at < 0 {
		return skip("visitor tokens are off (VisitorKeySecretName)")
	}
	signature := strings.Repeat("A", len(p.first.Visitor)-at-1)
	got, err := p.askToken(ctx, p.first.Visitor[:at+1]+signature)
	if err != nil {
		return err
	}
	if got.UserID == p.first.UserID {
		return errors.New("anybody can become any user: the visitor token's signature does not count")
	}
	return nil
}

func missingToken(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: p.fromPage()})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
		err = errors.New("the answer lacks WWW-Authenticate: Bearer")
	}
	return errors.Join(err, got.wantNoToken(), got.wantStatus(http.StatusUnauthorized, "token_missing"))
}

// garbage has the characters of a token and is none.
const garbage = "chatgate-probe-garbage"

// expired returns a token of Direct Line's form that has expired.
func expired() string {
	return jwt(`{"alg":"RS256","kid":"probe","typ":"JWT"}`, `{"user":"dl_probe","conv":"probe","nbf":1600000000,"exp":1600003600}`, "probe")
}

// jwt joins the parts of a token.
func jwt(header, claims, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte(signature))
}

// refuses checks that a token cannot be refreshed.
func refuses(token string, codes ...string) func(context.Context, *prober) error {
	return func(ctx context.Context, p *prober) error {
		header := p.fromPage()
		header["Authorization"] = "Bearer " + token
		got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: header})
		if err != nil {
			return err
		}
		return errors.Join(got.wantNoToken(), got.wantStatus(http.StatusUnauthorized, codes...))
	}
}

func unknownAssistant(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, question{path: "/api/GetNewToken/chatgateprobeknowsnone", header: p.fromPage()})
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoToken(), got.wantStatus(http.StatusNotFound, "unknown_assistant"))
}

// outsiders are the checks of paths that nobody outside may use.
func outsiders() []check {
	all := append(closedTrigger("PersistConversation", `"activities":"[]"`), closedTrigger("RotateDirectLineKey", `"events":"[]"`)...)
	all = append(all, closedTrigger("PurgeExpired", `"timer":{}`)...)
	for _, path := range []string{"/admin/host/status", "/admin/functions", "/admin/vfs/host.json", "/runtime/webhooks/durabletask/instances"} {
		all = append(all, closed(question{method: http.MethodGet, path: path}))
	}
	return append(all, deskChecks()...)
}

// closedTrigger checks that nobody outside can invoke a trigger. An empty batch
// would do nothing if it were let in, and a timer's run only what it does anyway.
func closedTrigger(name, data string) []check {
	batch := `{"Data":{` + data + `},"Metadata":{}}`
	return []check{
		closed(question{path: "/" + name, body: batch}),
		closed(question{path: "/api/" + name, body: batch}),
		closed(question{path: "/api/site/../../" + name, body: batch}),
		closed(question{path: "/admin/functions/" + name, body: batch}),
	}
}

// closed checks that a path gives nothing to an outsider. What stands before the
// app may redirect, or call the path malformed; a 5xx would mean that something
// was at work. A host on a developer's machine lets everybody administer it, as far
// as it can be (501).
func closed(q question) check {
	if q.method == "" {
		q.method = http.MethodPost
	}
	q.header = map[string]string{"Content-Type": "application/json"}
	return check{q.method + " " + q.path + " is denied", func(ctx context.Context, p *prober) error {
		got, err := p.send(ctx, q)
		if err != nil {
			return err
		}
		answered := got.status < http.StatusMultipleChoices
		if (answered || got.status == http.StatusNotImplemented) && p.local && strings.HasPrefix(q.path, "/admin/") {
			return skip("a development host asks for no key here")
		}
		if answered || got.status >= http.StatusInternalServerError {
			return fmt.Errorf("answered %s, want a refusal", got.describe())
		}
		return nil
	}}
}

// deskChecks ask the service desk without a consultant's token.
func deskChecks() []check {
	return []check{
		{"the desk is denied without a token", deniesDesk("")},
		{"the desk is denied with a garbage token", deniesDesk(garbage)},
		{"the desk is denied with an expired token", deniesDesk(expired())},
	}
}

// deniesDesk accepts that there is no service desk.
func deniesDesk(token string) func(context.Context, *prober) error {
	return func(ctx context.Context, p *prober) error {
		q := question{method: http.MethodGet, path: "/api/desk/assistants", header: map[string]string{}}
		if token != "" {
			q.header["Authorization"] = "Bearer " + token
		}
		got, err := p.send(ctx, q)
		if err != nil {
			return err
		}
		if got.status != http.StatusUnauthorized && got.status != http.StatusNotFound {
			return fmt.Errorf("answered %s, want 401 or 404", got.describe())
		}
		return nil
	}
}
