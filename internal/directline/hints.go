package directline

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// latestExpiry is the last second of the year 9999, beyond which a time cannot
// be written as RFC 3339.
const latestExpiry = 253402300799

// Claims is what a token says of itself.
type Claims struct {
	ConversationID string
	UserID         string
	// Expires is zero where the token does not say.
	Expires time.Time
}

// Hints reads the claims of a token that is a JWT, and reports whether it is
// one. Nothing is verified, since Direct Line does not publish its keys: the
// claims serve as hints and never for access. A claim that is missing or odd is
// left empty.
func Hints(token redacted.Text) (Claims, bool) {
	text := token.Reveal()
	if len(text) > MaxToken {
		return Claims{}, false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Claims{}, false
	}
	header, isObject := decodePart(parts[0])
	if !isObject || header["alg"] == nil {
		return Claims{}, false
	}
	claims, isObject := decodePart(parts[1])
	if !isObject {
		return Claims{}, false
	}
	return Claims{
		ConversationID: idClaim(claims["conv"]),
		UserID:         idClaim(claims["user"]),
		Expires:        timeClaim(claims["exp"]),
	}, true
}

// decodePart reads one part of a JWT: a JSON object in base64url.
func decodePart(part string) (map[string]json.RawMessage, bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, false
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(decoded, &object); err != nil || object == nil {
		return nil, false
	}
	return object, true
}

func idClaim(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) != nil || !isID(id) {
		return ""
	}
	return id
}

// timeClaim reads a NumericDate (RFC 7519 section 2), which may have a fraction.
// What lies before 1970 is long past, whatever it is exactly.
func timeClaim(raw json.RawMessage) time.Time {
	var seconds *float64
	if json.Unmarshal(raw, &seconds) != nil || seconds == nil || *seconds > latestExpiry {
		return time.Time{}
	}
	return time.Unix(int64(max(*seconds, 0)), 0).UTC()
}
