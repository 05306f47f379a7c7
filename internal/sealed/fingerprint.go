package sealed

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Fingerprint returns what stands for text in places that must not hold it: the
// HMAC-SHA256, in hex, under a key that is derived from the current sealing key
// for this purpose alone (RFC 5869). Who reads the place cannot try texts out.
// After a rotation of the key the same text has another fingerprint.
func (s *Sealer) Fingerprint(ctx context.Context, purpose, text string) (string, error) {
	secret, err := s.keys.Get(ctx, s.keyName)
	if err != nil {
		return "", fmt.Errorf("getting the sealing key: %w", err)
	}
	key, err := decodeKey(secret.Value)
	if err != nil {
		return "", err
	}
	defer clear(key)
	derived, err := hkdf.Key(sha256.New, key, nil, "chatgate fingerprint "+purpose, sha256.Size)
	if err != nil {
		return "", errors.New("deriving a key failed")
	}
	defer clear(derived)
	mac := hmac.New(sha256.New, derived)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)), nil
}
