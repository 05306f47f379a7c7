package functionshost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendText appends text as a JSON string the way Newtonsoft.Json writes it:
// only quotes, backslashes, control characters and three line separators are
// escaped.
func appendText[T []byte | string](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		escaped, width := escape(text, i)
		if escaped == "" {
			i += width
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = append(dst, escaped...)
		i += width
		from = i
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

// escape returns how the character at i is written, "" for as it is, and its
// width in bytes.
func escape[T []byte | string](text T, i int) (escaped string, width int) {
	switch c := text[i]; {
	case c == '"':
		return `\"`, 1
	case c == '\\':
		return `\\`, 1
	case c < ' ':
		return controlEscape(c), 1
	case c == 0xc2 && i+1 < len(text) && text[i+1] == 0x85: // U+0085
		return `\u0085`, 2
	case c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]&^1 == 0xa8: // U+2028, U+2029
		return `\u202` + string('8'+rune(text[i+2]&1)), 3
	}
	return "", 1
}

func controlEscape(c byte) string {
	switch c {
	case '\b':
		return `\b`
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\f':
		return `\f`
	case '\r':
		return `\r`
	}
	return fmt.Sprintf(`\u%04x`, c)
}

// appendBase64 appends bytes as the JSON string that byte[] becomes.
func appendBase64(dst, content []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, content)
	return append(dst, '"')
}

// toText reads bytes as UTF-8; what is not is replaced by U+FFFD, as .NET does.
func toText(content []byte) string {
	if utf8.Valid(content) {
		return string(content)
	}
	return string([]rune(string(content)))
}

// Formats of times: a DateTime without a zone, and a DateTimeOffset. Trailing
// zeros of the fraction are left out.
const (
	dateTime       = "2006-01-02T15:04:05.9999999"
	dateTimeOffset = "2006-01-02T15:04:05.9999999-07:00"
	wholeSeconds   = "2006-01-02T15:04:05"
)

// isoDate is what Newtonsoft.Json takes for a date in any string that it parses.
var isoDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?(?:Z|[+-]\d{2}:\d{2})?$`)

// reparse writes JSON as it comes out of Newtonsoft.Json after parsing: text that
// looks like a date is rewritten, numbers lose their spelling, white space goes.
func reparse(content []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	written, err := appendReparsed(nil, decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return written, nil
}

func appendReparsed(dst []byte, decoder *json.Decoder) ([]byte, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("parsing JSON: %w", err)
	}
	switch value := token.(type) {
	case json.Delim:
		return appendContainer(dst, decoder, value)
	case string:
		return appendText(dst, rewriteDate(value)), nil
	case json.Number:
		return append(dst, rewriteNumber(value.String())...), nil
	case bool:
		return strconv.AppendBool(dst, value), nil
	default:
		return append(dst, "null"...), nil
	}
}

func appendContainer(dst []byte, decoder *json.Decoder, open json.Delim) ([]byte, error) {
	dst = append(dst, byte(open))
	for first := true; decoder.More(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		if open == '{' {
			name, err := decoder.Token()
			if err != nil {
				return nil, fmt.Errorf("parsing JSON: %w", err)
			}
			text, _ := name.(string) // in an object every first token is a string
			dst = append(appendText(dst, text), ':')
		}
		var err error
		if dst, err = appendReparsed(dst, decoder); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("parsing JSON: %w", err)
	}
	return append(dst, byte(open)+2), nil // ']' and '}' are two after '[' and '{'
}

// rewriteDate writes a date without the trailing zeros of its fraction; one with
// an offset comes out in the host's own zone, which in Azure is UTC.
func rewriteDate(text string) string {
	if !isoDate.MatchString(text) {
		return text
	}
	if strings.HasSuffix(text, "Z") {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.Format(dateTime) + "Z"
		}
		return text
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC().Format(dateTimeOffset)
	}
	if at, err := time.Parse(dateTime, text); err == nil {
		return at.Format(dateTime)
	}
	return text
}

// rewriteNumber writes a number that is not an integer as a double.
func rewriteNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	written := strconv.FormatFloat(value, 'f', -1, 64)
	if magnitude := max(value, -value); magnitude != 0 && (magnitude >= 1e15 || magnitude < 1e-5) {
		written = strconv.FormatFloat(value, 'E', -1, 64)
	}
	if !strings.ContainsAny(written, ".E") {
		written += ".0"
	}
	return written
}
