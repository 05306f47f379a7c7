package loginapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"chatgate/internal/login"
	"chatgate/internal/outbound"
	"chatgate/internal/secrets"
)

// call posts body and decodes the answer. When the API refuses the key, the key
// is read again once, in case it has been rotated.
func (c *Client) call(ctx context.Context, name string, body map[string]string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	encoded := encode(body)
	defer clear(encoded)
	key, err := c.key(ctx)
	if err != nil {
		return err
	}
	err = c.post(ctx, name, encoded, key, answer)
	if c.keyName == "" || !outbound.HasStatus(err, http.StatusUnauthorized, http.StatusForbidden) {
		return err
	}
	renewed, failure := c.keys.Renew(ctx, c.keyName, key.Version)
	if failure != nil || renewed.Version == key.Version {
		return err
	}
	return c.post(ctx, name, encoded, renewed, answer)
}

// encode writes a JSON object. json.Marshal would write it into a buffer that it
// shares with everybody and that nobody erases.
func encode(members map[string]string) []byte {
	size := 2
	for name, value := range members {
		size += 6 + 6*(len(name)+len(value))
	}
	object := append(make([]byte, 0, size), '{')
	for name, value := range members {
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(quoted(object, name), ':')
		object = quoted(object, value)
	}
	return append(object, '}')
}

// quoted appends a JSON string (RFC 8259 section 7), with U+FFFD for what is no
// UTF-8.
func quoted(to []byte, text string) []byte {
	to = append(to, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', byte(c))
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', "01"[c>>4], "0123456789abcdef"[c&0xf])
		default:
			to = utf8.AppendRune(to, c)
		}
	}
	return append(to, '"')
}

func (c *Client) key(ctx context.Context) (secrets.Secret, error) {
	if c.keyName == "" {
		return secrets.Secret{}, nil
	}
	key, err := c.keys.Get(ctx, c.keyName)
	if err != nil {
		return secrets.Secret{}, fmt.Errorf("getting the key of the Login API: %w", err)
	}
	return key, nil
}

func (c *Client) post(ctx context.Context, name string, body []byte, key secrets.Secret, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/"+name, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("preparing the call: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "chatgate")
	if !key.Value.IsEmpty() {
		request.Header.Set("x-api-key", key.Value.Reveal())
	}
	response, err := c.http.Do(request)
	if err != nil {
		return outbound.Cause(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return &outbound.StatusError{Service: "the Login API", Status: response.StatusCode}
	}
	// What encoding/json says can quote the answer.
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("%w: the answer is not the JSON object that the contract wants", login.ErrRefused)
	}
	return nil
}
