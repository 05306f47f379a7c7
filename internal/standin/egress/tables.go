package egress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// maxBatchBytes bounds a $batch body; the service takes 4 MiB.
const maxBatchBytes = 8 << 20

// AzuriteTables returns a rewrite for [ForwardOptions] that turns requests for
//
//	https://<account>.table.core.windows.net/…
//
// into those that Azurite expects, with the account in the path. The requests
// inside a $batch body name the host too, and Azurite fails (500) those that do
// not name the path it is reached by.
func AzuriteTables(account string) func(*http.Request) error {
	operation := regexp.MustCompile(`(?m)^([A-Z]+) https?://` + regexp.QuoteMeta(account) + `\.table\.core\.windows\.net/`)
	return func(r *http.Request) error {
		isBatch := r.Method == http.MethodPost && r.URL.Path == "/$batch"
		r.URL.Path = "/" + account + r.URL.Path
		if r.URL.RawPath != "" {
			r.URL.RawPath = "/" + account + r.URL.RawPath
		}
		if !isBatch {
			return nil
		}
		// In a template $ has a meaning, which an address might stumble into.
		base := strings.ReplaceAll(r.URL.Scheme+"://"+r.URL.Host+"/"+account+"/", "$", "$$")
		return rewriteBody(r, func(body []byte) []byte {
			return operation.ReplaceAll(body, []byte("$1 "+base))
		})
	}
}

func rewriteBody(r *http.Request, change func([]byte) []byte) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBatchBytes+1))
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	if len(body) > maxBatchBytes {
		return errors.New("the body is too large")
	}
	body = change(body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Length")
	return nil
}
