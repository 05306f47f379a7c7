package outbound

// IsBearerToken reports whether token can stand behind Bearer in a header: the
// b64token of RFC 6750 section 2.1. Other characters could end the header and begin
// another.
func IsBearerToken[T ~string | ~[]byte](token T) bool {
	end := len(token)
	for end > 0 && token[end-1] == '=' {
		end--
	}
	for i := range end {
		if !isBearerCharacter(token[i]) {
			return false
		}
	}
	return end > 0
}

func isBearerCharacter(c byte) bool {
	switch c {
	case '-', '.', '_', '~', '+', '/':
		return true
	}
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
