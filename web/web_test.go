package web_test

import (
	"crypto/sha512"
	"encoding/base64"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatgate/web"
)

// served lists the embedded files.
func served(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := web.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOnlyWhatBrowsersLoadIsEmbedded(t *testing.T) {
	t.Parallel()
	kinds := []string{".js", ".css", ".json", ".html"}
	for _, name := range served(t) {
		if !slices.Contains(kinds, path.Ext(name)) || strings.Contains(name, "test") {
			t.Errorf("%s is embedded", name)
		}
		if name != strings.ToLower(name) {
			t.Errorf("%s: addresses are matched ignoring case, so names are in lower case", name)
		}
	}
}

func TestEveryImportIsEmbedded(t *testing.T) {
	t.Parallel()
	names := served(t)
	imports := regexp.MustCompile(`(?m)^(?:import|export) .*'(\.[^']+)';$`)
	count := 0
	for _, name := range names {
		if path.Ext(name) != ".js" {
			continue
		}
		for _, match := range imports.FindAllStringSubmatch(read(t, name), -1) {
			count++
			if wanted := path.Join(path.Dir(name), match[1]); !slices.Contains(names, wanted) {
				t.Errorf("%s imports %s, which is not served", name, wanted)
			}
		}
	}
	if count == 0 {
		t.Error("no import was found: the pattern is out of date")
	}
}

// Strict policies refuse inline scripts, event handlers and styles.
func TestPagesHaveNothingInline(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]|\son[a-z]+\s*=|\sstyle\s*=|<style|javascript:`)
	for _, name := range served(t) {
		if path.Ext(name) != ".html" {
			continue
		}
		if found := inline.FindString(read(t, name)); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
}

func TestScriptsNeedNoEval(t *testing.T) {
	t.Parallel()
	eval := regexp.MustCompile(`\beval\(|new Function\(|innerHTML|document\.write`)
	for _, name := range served(t) {
		if found := eval.FindString(read(t, name)); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

func TestThePinnedHashIsTheFetchedFiles(t *testing.T) {
	t.Parallel()
	bundle, err := web.PinnedWebChat()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(bundle.URL, "@"+bundle.Version+"/") {
		t.Errorf("the URL %s is not of version %s", bundle.URL, bundle.Version)
	}
	cached := filepath.Join("..", ".cache", "webchat", bundle.Version, "webchat.js")
	file, err := os.ReadFile(cached)
	if os.IsNotExist(err) {
		t.Skip("Web Chat's bundle is not in the cache; scripts/fetch-webchat.sh puts it there")
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum384(file)
	if got := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); got != bundle.Integrity {
		t.Errorf("the cached bundle hashes to %s, pinned is %s", got, bundle.Integrity)
	}
}

func TestChatPage(t *testing.T) {
	t.Parallel()
	bundle, err := web.PinnedWebChat()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ url, want string }{
		"the pinned copy":             {"", `data-webchat="` + bundle.URL + `"`},
		"a copy of one's own":         {"/local/webchat.js", `data-webchat="/local/webchat.js"`},
		"nothing escapes the quotes":  {`/x" onload="alert(1)`, `data-webchat="/x&#34; onload=&#34;alert(1)"`},
		"nor the element":             {`/x></body><script>`, `data-webchat="/x&gt;&lt;/body&gt;&lt;script&gt;"`},
		"wherever from, it is hashed": {"https://elsewhere.example/w.js", `data-webchat-integrity="` + strings.ReplaceAll(bundle.Integrity, "+", "&#43;") + `"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := web.ChatPage(c.url)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(page), c.want) {
				t.Errorf("the page holds no %s", c.want)
			}
			if strings.Contains(string(page), "{{") {
				t.Error("a placeholder is left")
			}
		})
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		webChat   string
		endpoints []string
		want      []string
	}{
		"in production": {
			endpoints: []string{"https://directline.botframework.com/v3/directline"},
			want: []string{
				"default-src 'none'",
				"script-src 'self' https://cdn.jsdelivr.net/npm/botframework-webchat@4.18.1/dist/webchat.js",
				"connect-src 'self' blob: https://directline.botframework.com wss://directline.botframework.com",
			},
		},
		"on one machine": {
			webChat:   "/local/webchat.js",
			endpoints: []string{"http://127.0.0.1:7071/v3/directline"},
			want: []string{
				"script-src 'self'",
				"connect-src 'self' blob: http://127.0.0.1:7071 ws://127.0.0.1:7071",
			},
		},
		"several assistants, each region once": {
			endpoints: []string{"https://europe.directline.botframework.com/v3/directline", "https://europe.directline.botframework.com/v3/directline"},
			want:      []string{"connect-src 'self' blob: https://europe.directline.botframework.com wss://europe.directline.botframework.com"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy, err := web.ContentSecurityPolicy(c.webChat, c.endpoints...)
			if err != nil {
				t.Fatal(err)
			}
			directives := strings.Split(policy, "; ")
			for _, want := range c.want {
				if !slices.Contains(directives, want) {
					t.Errorf("%s\nhas no directive %s", policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%s\nallows something unsafe", policy)
			}
		})
	}
}

func TestContentSecurityPolicyTakesNoOtherAddresses(t *testing.T) {
	t.Parallel()
	const endpoint = "https://directline.botframework.com/v3/directline"
	cases := map[string][2]string{
		"a script":                 {"javascript:alert(1)", endpoint},
		"data":                     {"data:text/javascript,1", endpoint},
		"a directive in the host":  {"https://cdn.example;script-src *", endpoint},
		"a second source":          {"https://cdn.example,*", endpoint},
		"an endpoint without host": {"", "/v3/directline"},
		"an endpoint of a file":    {"", "file:///v3"},
		"not an address":           {"https://%zz", endpoint},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if policy, err := web.ContentSecurityPolicy(c[0], c[1]); err == nil {
				t.Errorf("got %s", policy)
			}
		})
	}
}
