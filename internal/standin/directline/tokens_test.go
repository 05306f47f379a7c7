package directline_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/standin/directline"
)

// claimsOf reads a token as a client may: unverified.
func claimsOf(t *testing.T, token string) (header map[string]any, claims jwt.MapClaims) {
	t.Helper()
	claims = jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	if err != nil {
		t.Fatalf("the token is no JWT: %v", err)
	}
	return parsed.Header, claims
}

func TestGenerateGivesATokenWithDirectLinesClaims(t *testing.T) {
	site := newSite(t, &directline.Options{BotID: "bankx-bot"})
	got := site.post("/tokens/generate", site.secret(), map[string]any{"user": map[string]any{"id": "dl_ada"}})
	if got.status != http.StatusOK || got.body["expires_in"] != 3600.0 {
		t.Fatalf("generate = %d %s", got.status, got.raw)
	}
	header, claims := claimsOf(t, got.text("token"))
	if header["alg"] != "RS256" || header["kid"] == "" || header["kid"] != header["x5t"] {
		t.Errorf("header = %v, want RS256 with kid = x5t", header)
	}
	now := site.clock.Now().Unix()
	for name, want := range map[string]any{
		"bot": "bankx-bot", "user": "dl_ada", "conv": got.text("conversationId"),
		"nbf": float64(now), "exp": float64(now + 3600),
		"iss": "https://directline.botframework.com/", "aud": "https://directline.botframework.com/",
	} {
		if claims[name] != want {
			t.Errorf("claim %s = %v, want %v", name, claims[name], want)
		}
	}
	if claims["site"] == nil || claims["jti"] == nil {
		t.Errorf("claims = %v, want site and jti", claims)
	}
	if got.text("streamUrl") != "" {
		t.Error("generate gave a streamUrl")
	}
}

func TestGenerateNeitherStartsTheConversationNorContactsTheBot(t *testing.T) {
	site := newSite(t, nil)
	_, conversation := site.generate("dl_ada")
	if calls := site.bot.Received(""); len(calls) != 0 {
		t.Errorf("the bot got %v", calls)
	}
	if got := site.get("/conversations/"+conversation, site.secret()); got.status != http.StatusNotFound {
		t.Errorf("the conversation answers %d, want 404", got.status)
	}
	if site.ConversationCount() != 0 {
		t.Error("the conversation exists")
	}
}

func TestGenerateTakesAnEmptyBodyAndRefusesABrokenOne(t *testing.T) {
	site := newSite(t, nil)
	for body, want := range map[string]int{"": 200, " ": 200, "{}": 200, `{"eTag":"x"}`: 200, "{": 400, "[]": 400, "{} {}": 400, `{"user":"ada"}`: 400} {
		if got := site.post("/tokens/generate", site.secret(), body); got.status != want {
			t.Errorf("generate with %q = %d, want %d", body, got.status, want)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	foreignKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign := newSite(t, &directline.Options{SigningKey: foreignKey})
	foreignToken, _ := foreign.generate("dl_ada")
	_, claims := claimsOf(t, token)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	activities := "/conversations/" + conversation + "/activities"
	for name, test := range map[string]struct {
		method, path, authorization string
		status                      int
		code                        string
	}{
		"no header":                     {"GET", activities, "", 401, "BadArgument"},
		"scheme only":                   {"GET", activities, "Bearer", 401, "BadArgument"},
		"other scheme":                  {"GET", activities, "Basic " + token, 401, "BadArgument"},
		"two credentials":               {"GET", activities, "Bearer " + token + " " + token, 401, "BadArgument"},
		"two headers":                   {"GET", activities, "Bearer " + token + "\nBearer " + token, 401, "BadArgument"},
		"lower case scheme":             {"GET", activities, "bearer " + token, 200, ""},
		"wrong secret":                  {"GET", activities, "Bearer wrong", 403, "BadArgument"},
		"token of another key":          {"GET", activities, "Bearer " + foreignToken, 403, "BadArgument"},
		"token without signature":       {"GET", activities, "Bearer " + unsigned, 403, "BadArgument"},
		"stream grant as token":         {"GET", activities, "Bearer " + grantOf(t, streamURL), 403, "BadArgument"},
		"generate with a token":         {"POST", "/tokens/generate", "Bearer " + token, 403, "BadArgument"},
		"generate with wrong secret":    {"POST", "/tokens/generate", "Bearer " + site.secret() + "x", 403, "BadArgument"},
		"refresh with a secret":         {"POST", "/tokens/refresh", "Bearer " + site.secret(), 403, "BadArgument"},
		"session id with a secret":      {"GET", "/session/getsessionid", "Bearer " + site.secret(), 403, "BadArgument"},
		"conversation by secret":        {"GET", activities, "Bearer " + site.secret(), 200, ""},
		"unknown conversation (secret)": {"GET", "/conversations/lost/activities", "Bearer " + site.secret(), 404, "ConversationNotFound"},
		"another's conversation":        {"GET", "/conversations/lost/activities", "Bearer " + token, 403, "BadArgument"},
		"unknown path":                  {"GET", "/nothing", "Bearer " + token, 404, "NotFound"},
	} {
		header := http.Header{}
		if test.authorization != "" {
			header["Authorization"] = strings.Split(test.authorization, "\n")
		}
		got := site.do(call{method: test.method, path: test.path, header: header})
		if got.status != test.status || got.errorCode() != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.errorCode(), test.status, test.code)
		}
	}
}

// Facts: an expired token cannot be refreshed, an unexpired one any number of
// times, and the lifetime is in expires_in only.
func TestTokensAreRefreshedUntilTheyExpire(t *testing.T) {
	site := newSite(t, &directline.Options{TokenLifetime: 1800 * time.Second})
	token, conversation := site.generate("dl_ada")
	for range 3 {
		site.clock.Advance(1799 * time.Second)
		got := site.post("/tokens/refresh", token, nil)
		if got.status != http.StatusOK || got.body["expires_in"] != 1800.0 {
			t.Fatalf("refresh = %d %s", got.status, got.raw)
		}
		_, claims := claimsOf(t, got.text("token"))
		if claims["user"] != "dl_ada" || got.text("conversationId") != conversation {
			t.Errorf("refresh changed user or conversation: %v", claims)
		}
		if got.text("token") == token {
			t.Error("refresh gave the same token")
		}
		token = got.text("token")
	}
	site.clock.Advance(1800 * time.Second)
	for _, path := range []string{"/tokens/refresh", "/conversations"} {
		if got := site.post(path, token, nil); got.status != http.StatusForbidden || got.errorCode() != "TokenExpired" {
			t.Errorf("%s with an expired token = %d %s, want 403 TokenExpired", path, got.status, got.errorCode())
		}
	}
}

func TestBothSecretsAreValidUntilOneIsRegenerated(t *testing.T) {
	site := newSite(t, &directline.Options{Key1: secretOf("first"), Key2: secretOf("second")})
	check := func(when string, want map[string]int) {
		t.Helper()
		for secret, status := range want {
			if got := site.post("/tokens/generate", secret, nil); got.status != status {
				t.Errorf("%s: secret %q = %d, want %d", when, secret, got.status, status)
			}
		}
	}
	check("at first", map[string]int{"first": 200, "second": 200})
	fresh := site.Regenerate(directline.Key1).Reveal()
	check("key 1 regenerated", map[string]int{"first": 403, fresh: 200, "second": 200})
	site.RevokeKey(directline.Key2)
	check("key 2 revoked", map[string]int{fresh: 200, "second": 403, "x": 403})
	if !site.Secret(directline.Key2).IsEmpty() || site.Secret(directline.Key1).Reveal() != fresh {
		t.Error("Secret does not show the current secrets")
	}
	if printed := fmt.Sprint(site.Secret(directline.Key1)); printed == fresh {
		t.Error("a secret can be printed")
	}
}

func TestARevokedTokenIsRefused(t *testing.T) {
	site := newSite(t, nil)
	token, _ := site.generate("dl_ada")
	other, _ := site.generate("dl_ada")
	if !site.RevokeToken(secretOf(token)) || site.RevokeToken(secretOf("nonsense")) {
		t.Error("RevokeToken is wrong about which token was valid")
	}
	if got := site.post("/tokens/refresh", token, nil); got.status != http.StatusForbidden || got.errorCode() != "BadArgument" {
		t.Errorf("a revoked token = %d %s, want 403 BadArgument", got.status, got.errorCode())
	}
	if got := site.post("/tokens/refresh", other, nil); got.status != http.StatusOK {
		t.Errorf("another token = %d, want 200", got.status)
	}
}

func TestTokensOutliveARestartAndConversationsDoNot(t *testing.T) {
	before := newSite(t, nil)
	token, conversation, _ := before.start("dl_ada")
	after := newSite(t, &directline.Options{SigningKey: signingKey()})
	if got := after.post("/tokens/refresh", token, nil); got.status != http.StatusOK {
		t.Errorf("refresh after a restart = %d, want 200", got.status)
	}
	if got := after.get("/conversations/"+conversation, token); got.status != http.StatusNotFound {
		t.Errorf("reconnect after a restart = %d, want 404", got.status)
	}
}
