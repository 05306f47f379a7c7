package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"chatgate/internal/standin/cloud"
)

// visitorKey is the key that signs visitor tokens, with its version in the vault.
// It is kept between runs, so that a browser stays the same visitor.
type visitorKey struct {
	Value   string `json:"value"`
	Version string `json:"version"`
}

func loadVisitorKey(path string) (visitorKey, error) {
	var key visitorKey
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeVisitorKey(path)
	}
	if err != nil {
		return key, fmt.Errorf("reading the visitor key: %w", err)
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return key, fmt.Errorf("%s is damaged; remove it: %w", path, err)
	}
	return key, nil
}

func makeVisitorKey(path string) (visitorKey, error) {
	var version [16]byte
	_, _ = rand.Read(version[:]) // never fails, see its documentation
	key := visitorKey{Value: cloud.NewKey(), Version: hex.EncodeToString(version[:])}
	text, err := json.Marshal(key)
	if err != nil {
		return key, fmt.Errorf("encoding the visitor key: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return key, fmt.Errorf("keeping the visitor key: %w", err)
	}
	return key, nil
}
