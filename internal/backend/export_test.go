package backend

import "chatgate/internal/secretly"

// Holds is the search for a token in an answer's body.
func Holds(body []byte, token secretly.Bytes) bool {
	return Answer{Body: body}.holds(token)
}
