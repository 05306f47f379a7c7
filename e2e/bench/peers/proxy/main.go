// Command proxy is what one would write instead of GetNewToken in an hour: a
// reverse proxy that puts the secret and a new user id into each request.
package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

func main() {
	upstream, err := url.Parse(os.Getenv("UPSTREAM"))
	if err != nil {
		log.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
		Rewrite: func(r *httputil.ProxyRequest) {
			body := fmt.Appendf(nil, `{"user":{"id":"dl_%s"}}`, rand.Text())
			r.Out.URL = upstream.JoinPath("tokens", "generate")
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Out.Header.Set("Authorization", "Bearer "+os.Getenv("SECRET"))
			r.Out.Header.Set("Content-Type", "application/json")
		},
	}
	server := &http.Server{
		Addr:              "127.0.0.1:" + os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"),
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           forward,
	}
	log.Fatal(server.ListenAndServe())
}
