package handlers

import "chatgate/internal/redacted"

// refreshToken exchanges an unexpired token for one that lives longer.
func (s *server) refreshToken(x *exchange, rest segments) error {
	assistant, err := s.admitted(x, rest)
	if assistant == "" || err != nil {
		return err
	}
	token, err := decodeBody(x, "token")
	if err != nil {
		return err
	}
	if bearer, ok := bearerToken(x.request.Header); ok {
		token = bearer
	}
	grant, err := s.Issuer.Refresh(x.request.Context(), assistant, redacted.New(token))
	if err != nil {
		return err
	}
	return writeGrant(x, grant)
}
