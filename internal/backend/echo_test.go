package backend_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"chatgate/internal/backend"
	"chatgate/internal/problem"
)

// wide is text in UTF-16 or, with a width of 4, UTF-32.
func wide(text string, width int, order binary.ByteOrder) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		next := make([]byte, width)
		if width == 2 {
			order.PutUint16(next, unit)
		} else {
			order.PutUint32(next, uint32(unit))
		}
		out = append(out, next...)
	}
	return string(out)
}

// replaced writes what encodings write otherwise in the token: its three special
// characters.
func replaced(plus, slash, equals string) string {
	return strings.NewReplacer("+", plus, "/", slash, "=", equals).Replace(token)
}

func inJSON(text string) string {
	encoded, _ := json.Marshal(text)
	return string(encoded)
}

// echoes are answers that hold the token, as systems write it.
func echoes() map[string]string {
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	mime := std.EncodeToString([]byte("Authorization: Bearer " + token))
	return map[string]string{
		"plain":                          `{"echo":"` + token + `"}`,
		"without its padding":            strings.TrimRight(token, "="),
		"broken over lines":              token[:7] + "\r\n  " + token[7:],
		"percent-encoded":                "https://x/?t=" + url.QueryEscape(token),
		"percent in small letters":       replaced("%2b", "%2f", "%3d"),
		"percent twice":                  url.QueryEscape(url.QueryEscape(token)),
		"percent thrice":                 url.QueryEscape(url.QueryEscape(url.QueryEscape(token))),
		"percent with u":                 replaced("%u002B", "%u002f", "%u003D"),
		"every character percent":        "%" + strings.ToUpper(strings.Join(pairs(hex.EncodeToString([]byte(token))), "%")),
		"JSON with slashes":              replaced("+", `\/`, "="),
		"JSON of .NET":                   replaced(`\u002B`, "/", "="),
		"JSON of Gson":                   replaced("+", "/", `\u003d`),
		"JSON in JSON":                   inJSON(inJSON(replaced("+", "/", "=")) + replaced(`\u002B`, `\/`, `\u003D`)),
		"JSON of .NET in JSON of .NET":   replaced(`\\u002B`, `\\/`, `\\u003D`),
		"JSON in JSON in JSON":           replaced(`\\\\u002B`, `\\\\/`, `\\\\u003D`),
		"a script's string":              replaced(`\x2B`, `\x2f`, `\x3d`),
		"a backslash before each":        replaced(`\+`, `\/`, `\=`),
		"HTML":                           html.EscapeString("<b>"+token+"</b>") + replaced("&#43;", "&#47;", "&#61;"),
		"HTML in hexadecimal":            replaced("&#x2B;", "&#X2f;", "&#x3D;"),
		"HTML with names":                replaced("&plus;", "&sol;", "&equals;"),
		"HTML with zeros":                replaced("&#0043;", "&#x0002F;", "&#061;"),
		"HTML without semicolons":        replaced("+", "&#47", "="),
		"HTML in HTML":                   replaced("&amp;#x2B;", "&amp;sol;", "&#38;equals;"),
		"HTML in JSON of .NET":           replaced(`\u0026#x2B;`, `\u0026#x2F;`, "="),
		"percent in HTML":                replaced("&percnt;2B", "&#37;2F", "="),
		"percent in JSON":                replaced(`\u00252B`, `\u00252F`, "="),
		"base64":                         std.EncodeToString([]byte(token)),
		"base64 of a header":             std.EncodeToString([]byte("Bearer " + token)),
		"base64 of text":                 base64.URLEncoding.EncodeToString([]byte("xx" + token + "yy")),
		"base64url":                      raw.EncodeToString([]byte(token)),
		"base64 over lines":              mime[:20] + "\r\n" + mime[20:40] + "\r\n" + mime[40:],
		"base64 over lines in JSON":      inJSON(mime[:20] + "\r\n" + mime[20:40] + "\n" + mime[40:]),
		"base64 over lines, indented":    mime[:20] + "\n\t    " + mime[20:40] + "\n\t    " + mime[40:],
		"base64, percent-encoded":        url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("~~?" + token + "~~?"))),
		"hexadecimal":                    hex.EncodeToString([]byte(token)),
		"hexadecimal in great letters":   strings.ToUpper(hex.EncodeToString([]byte(token))),
		"UTF-16, its mark first":         "\xff\xfe" + wide(inJSON(token), 2, binary.LittleEndian),
		"UTF-16, great end first":        wide("\ufeffä"+token, 2, binary.BigEndian),
		"UTF-16 without a mark":          wide(token, 2, binary.LittleEndian),
		"UTF-32":                         wide(token, 4, binary.LittleEndian),
		"UTF-32, great end first":        wide(replaced("%2B", "%2F", "="), 4, binary.BigEndian),
		"JSON in UTF-16":                 wide(replaced(`\u002B`, `\/`, "="), 2, binary.LittleEndian),
		"behind what decodes to nothing": "%zz%&#;&unknown;\\q" + replaced("%2B", "%2F", "%3D"),
	}
}

func pairs(text string) []string {
	var out []string
	for ; text != ""; text = text[2:] {
		out = append(out, text[:2])
	}
	return out
}

func TestAnswersThatHoldTheTokenAreNotPassedOn(t *testing.T) {
	for name, body := range echoes() {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		answer, err := forward(t, base, backend.Request{Path: "x"})
		wantCode(t, name, err, problem.BackendUnsafe)
		if answer.Body != nil {
			t.Errorf("%s: %s", name, answer.Body)
		}
		if strings.ContainsAny(body, "\r\n\x00") {
			continue // no header can hold it
		}
		base = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Request-Id", body) })
		_, err = forward(t, base, backend.Request{Path: "x"})
		wantCode(t, name+" in a header", err, problem.BackendUnsafe)
	}
}

// A character before the token may make an escape of the token's own first
// characters, so that decoding what else is escaped in it destroys it.
func TestWhatStandsBeforeATokenDoesNotHideIt(t *testing.T) {
	long := "abcdefgh" + strings.Repeat("01234567/+", 6)
	escaped := strings.NewReplacer("/", `\/`, "+", "%2B").Replace(long)
	for _, before := range []string{"%", "%25", `\x`, `\\u`, "&#", "&#x", `\u0025`, "%255c"} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, before+escaped) })
		_, err := forwardAs(t, base, backend.Request{Path: "x"}, long)
		wantCode(t, before, err, problem.BackendUnsafe)
	}
}

func TestAnswersWithoutTheTokenPassUnchanged(t *testing.T) {
	for name, body := range map[string]string{
		"escapes of all kinds":   `{"a":"\u002B\/\\\n","b":"100%25 &amp; 5%","c":"&#43;&plus;&#;&#x;&unknown;&","d":"\x2B` + "\x00\x7f" + `"}%u%`,
		"UTF-16":                 wide("\ufeff{\"balance\": \"12,50 €\"}", 2, binary.LittleEndian),
		"half of the token":      token[:len(token)/2],
		"the token's own hash":   "9b74c9897bac770ffc029102a200c5de",
		"the token in two parts": token[:7] + "-" + token[7:],
		"its end only":           "8c==",
		"bytes":                  string([]byte{0, 1, 2, 0xff, 0xfe, '%', '\\', '&'}),
		"a lone backslash":       `\`,
		"a lone percent":         "%",
		"a lone ampersand":       "&",
		"nothing":                "",
	} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		answer, err := forward(t, base, backend.Request{Path: "x"})
		if err != nil || string(answer.Body) != body {
			t.Errorf("%s: %q, %v", name, answer.Body, err)
		}
	}
}

// FuzzEcho puts the token, spelled in turns as some layers of software would, into
// any text, and looks whether it comes through.
func FuzzEcho(f *testing.F) {
	for _, body := range echoes() {
		f.Add(body, "", uint16(0))
	}
	f.Add("<p>", "</p>", uint16(0x1234))
	spell := []func(string) string{
		func(text string) string { return text },
		url.QueryEscape,
		html.EscapeString,
		func(text string) string { return strings.Trim(inJSON(text), `"`) },
		func(text string) string {
			return strings.NewReplacer("+", "&#43;", "/", "&sol;", "&", "&amp;").Replace(text)
		},
		func(text string) string {
			return strings.NewReplacer("+", `\u002B`, "/", `\/`, `\`, `\\`).Replace(text)
		},
	}
	long := strings.Repeat("0123456/+", 6)
	f.Fuzz(func(t *testing.T, before, after string, how uint16) {
		echo := long
		for range 3 {
			echo, how = spell[int(how)%len(spell)](echo), how/uint16(len(spell))
		}
		if !backend.Holds([]byte(before+echo+after), []byte(long)) {
			t.Errorf("not found: %q", before+echo+after)
		}
	})
}

// docs/end-user-login.md names these lengths.
func TestShortTokensAreFoundAsFarAsTheDocumentsSay(t *testing.T) {
	const letters = "Zm9vYmFyLXRva2Vu"
	for n := 8; n <= len(letters); n++ {
		short := letters[:n]
		if !backend.Holds([]byte(hex.EncodeToString([]byte(short))), []byte(short)) {
			t.Errorf("%d characters in hexadecimal are not found", n)
		}
		for before := range 3 {
			text := base64.StdEncoding.EncodeToString([]byte("xx"[:before] + short + "yyy"))
			if n >= 13 && !backend.Holds([]byte(text), []byte(short)) {
				t.Errorf("%d characters in base64 are not found behind %d others", n, before)
			}
		}
	}
}
