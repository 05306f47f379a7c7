package directline_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chatgate/internal/directline"
	"chatgate/internal/redacted"
)

func TestAnswersAreCheckedBeforeTheyArePassedOn(t *testing.T) {
	longest := strings.Repeat("t", directline.MaxToken)
	answer := func(token, conversation, expires string) string {
		return `{"token":` + token + `,"conversationId":` + conversation + `,"expires_in":` + expires + `}`
	}
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"as documented":            {goodBody, true},
		"more than documented":     {`{"streamUrl":"x",` + goodBody[1:], true},
		"with a byte order mark":   {"\ufeff" + goodBody, true},
		"every character":          {answer(`"aZ09-._~+/=="`, `"c"`, "1"), true},
		"longest token":            {answer(`"`+longest+`"`, `"c"`, "3600"), true},
		"a week":                   {answer(`"t"`, `"c"`, "604800"), true},
		"token too long":           {answer(`"t`+longest+`"`, `"c"`, "3600"), false},
		"no token":                 {`{"conversationId":"c","expires_in":1}`, false},
		"empty token":              {answer(`""`, `"c"`, "1"), false},
		"only padding":             {answer(`"=="`, `"c"`, "1"), false},
		"padding in the middle":    {answer(`"a=b"`, `"c"`, "1"), false},
		"token with a space":       {answer(`"a b"`, `"c"`, "1"), false},
		"token with a line break":  {answer(`"a\r\nX: y"`, `"c"`, "1"), false},
		"token with a quote":       {answer(`"a\""`, `"c"`, "1"), false},
		"token is a number":        {answer("1", `"c"`, "1"), false},
		"token is null":            {answer("null", `"c"`, "1"), false},
		"no conversation":          {`{"token":"t","expires_in":1}`, false},
		"empty conversation":       {answer(`"t"`, `""`, "1"), false},
		"conversation not a text":  {answer(`"t"`, "{}", "1"), false},
		"conversation unprintable": {answer(`"t"`, `"a\u0000"`, "1"), false},
		"conversation not UTF-8":   {answer(`"t"`, "\"a\xff\"", "1"), false},
		"conversation too long":    {answer(`"t"`, `"`+strings.Repeat("c", 513)+`"`, "1"), false},
		"no expiry":                {`{"token":"t","conversationId":"c"}`, false},
		"expiry 0":                 {answer(`"t"`, `"c"`, "0"), false},
		"expiry negative":          {answer(`"t"`, `"c"`, "-1"), false},
		"expiry over a week":       {answer(`"t"`, `"c"`, "604801"), false},
		"expiry out of any range":  {answer(`"t"`, `"c"`, "1e99"), false},
		"expiry a fraction":        {answer(`"t"`, `"c"`, "1.5"), false},
		"expiry a text":            {answer(`"t"`, `"c"`, `"3600"`), false},
		"an array":                 {"[" + goodBody + "]", false},
		"null":                     {"null", false},
		"nothing":                  {"", false},
		"something after it":       {goodBody + "{}", false},
		"broken off":               {goodBody[:len(goodBody)-1], false},
		"a page":                   {"<html>", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t.Context(), newClient(t, status(http.StatusOK, test.body)))
			if (err == nil) != test.ok || err != nil && !errors.Is(err, directline.ErrUnusableAnswer) {
				t.Errorf("err = %v, want ok = %v", err, test.ok)
			}
		})
	}
}

func TestWhatIsWrongIsSaidWithoutRepeatingIt(t *testing.T) {
	body := `{"token":"` + canary + ` ","conversationId":"c","expires_in":"` + canary + `"}`
	_, err := generate(t.Context(), newClient(t, status(http.StatusOK, body)))
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("err = %v", err)
	}
}

func TestHints(t *testing.T) {
	const header = `{"alg":"RS256","kid":"k","x5t":"k","typ":"JWT"}`
	year := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	full := directline.Claims{ConversationID: "7aXb-us", UserID: userID, Expires: year}
	for name, test := range map[string]struct {
		token string
		want  directline.Claims
		isJWT bool
	}{
		"as Direct Line writes it": {jwt(header, `{"bot":"b","site":"s","conv":"7aXb-us","user":"`+userID+`","nbf":1,"exp":1780315200,"iss":"i","aud":"a"}`), full, true},
		"expiry with a fraction":   {jwt(header, `{"conv":"7aXb-us","user":"`+userID+`","exp":1780315200.7}`), full, true},
		"no claims":                {jwt(header, `{}`), directline.Claims{}, true},
		"odd claims":               {jwt(header, `{"conv":7,"user":{},"exp":"x"}`), directline.Claims{}, true},
		"unprintable user":         {jwt(header, `{"user":"a\nb"}`), directline.Claims{}, true},
		"null expiry":              {jwt(header, `{"exp":null}`), directline.Claims{}, true},
		"expiry 0 is 1970":         {jwt(header, `{"exp":0}`), directline.Claims{Expires: time.Unix(0, 0).UTC()}, true},
		"expiry before 1970":       {jwt(header, `{"exp":-1e300}`), directline.Claims{Expires: time.Unix(0, 0).UTC()}, true},
		"expiry beyond all years":  {jwt(header, `{"exp":1e300}`), directline.Claims{}, true},
		"no algorithm":             {jwt(`{}`, `{"exp":0}`), directline.Claims{}, false},
		"header is no object":      {jwt(`[]`, `{"exp":0}`), directline.Claims{}, false},
		"claims are no object":     {jwt(header, `null`), directline.Claims{}, false},
		"two parts":                {"a.b", directline.Claims{}, false},
		"five parts":               {"a.b.c.d.e", directline.Claims{}, false},
		"not base64":               {"!.!.!", directline.Claims{}, false},
		"opaque":                   {"opaque-token", directline.Claims{}, false},
		"nothing":                  {"", directline.Claims{}, false},
		"too long":                 {jwt(header, `{"exp":0,"x":"`+strings.Repeat("x", directline.MaxToken)+`"}`), directline.Claims{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, isJWT := directline.Hints(redacted.New(test.token))
			if got != test.want || isJWT != test.isJWT {
				t.Errorf("Hints = %+v, %v; want %+v, %v", got, isJWT, test.want, test.isJWT)
			}
		})
	}
}

func FuzzHints(f *testing.F) {
	f.Add(jwt(`{"alg":"RS256"}`, `{"conv":"c","user":"dl_x","exp":1780315200}`))
	f.Add(jwt(`{"alg":"none"}`, `{"exp":-1}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		claims, isJWT := directline.Hints(redacted.New(token))
		if !isJWT && claims != (directline.Claims{}) {
			t.Errorf("claims of what is no JWT: %+v", claims)
		}
		if !utf8.ValidString(claims.UserID) || strings.ContainsAny(claims.UserID, "\r\n\x00 ") {
			t.Errorf("user id %q", claims.UserID)
		}
		if _, err := claims.Expires.MarshalJSON(); err != nil {
			t.Errorf("expiry %v cannot be written: %v", claims.Expires, err)
		}
	})
}

// canned is a transport that gives one answer.
type canned struct {
	status int
	body   string
}

func (c canned) Do(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), Request: req}, nil
}

func FuzzAnswers(f *testing.F) {
	f.Add(http.StatusOK, goodBody)
	f.Add(http.StatusOK, `{"token":"a b","conversationId":"c","expires_in":1}`)
	f.Add(http.StatusForbidden, `{"error":{"code":"TokenExpired","message":"m"}}`)
	f.Add(http.StatusTooManyRequests, "[]")
	f.Fuzz(func(t *testing.T, code int, body string) {
		options := &directline.ClientOptions{}
		options.Transport = canned{code, body}
		options.Retry.MaxRetries = -1
		client, err := directline.NewClient("https://directline.example", options)
		if err != nil {
			t.Fatal(err)
		}
		token, err := generate(t.Context(), client)
		if err != nil {
			if !token.Value.IsEmpty() || len(err.Error()) > 300 {
				t.Errorf("token %v with error %v", token, err)
			}
			return
		}
		if !directline.WellFormed(token.Value.Reveal()) || token.ConversationID == "" || token.ExpiresIn < 1 {
			t.Errorf("passed on: %q %+v", token.Value.Reveal(), token)
		}
	})
}
