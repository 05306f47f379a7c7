package web_test

import (
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
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

// pageAt returns the page of the site that lives at path.
func pageAt(t *testing.T, path string, options web.PageOptions) web.Page {
	t.Helper()
	pages, err := web.Pages(options)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(pages, func(page web.Page) bool { return page.Path == path })
	if at < 0 {
		t.Fatalf("nothing lives at %s", path)
	}
	return pages[at]
}

func policyOf(t *testing.T, path string, options web.PageOptions) string {
	t.Helper()
	return pageAt(t, path, options).Headers["Content-Security-Policy"]
}

func TestOnlyWhatBrowsersLoadIsEmbedded(t *testing.T) {
	t.Parallel()
	kinds := []string{".js", ".css", ".json", ".html", ".svg", ".txt", ".gz"}
	for _, name := range served(t) {
		if !slices.Contains(kinds, path.Ext(name)) || strings.Contains(name, "test") {
			t.Errorf("%s is embedded", name)
		}
		if ext := path.Ext(name); (ext == ".gz" || ext == ".txt") && path.Dir(name) != "desk/lib" {
			t.Errorf("%s is embedded outside desk/lib", name)
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

// Modules import each other many levels deep. Those that the page does not name
// are asked for one level after the other.
func TestTheDeskNamesAllItsModules(t *testing.T) {
	t.Parallel()
	page := read(t, "desk/index.html")
	for _, name := range served(t) {
		if path.Dir(name) == "desk" && path.Ext(name) == ".js" && !strings.Contains(page, `"`+path.Base(name)+`"`) {
			t.Errorf("desk/index.html does not name %s", name)
		}
	}
	for _, match := range regexp.MustCompile(`href="([a-z]+\.(?:js|css))"`).FindAllStringSubmatch(page, -1) {
		if _, err := fs.Stat(web.Files, "desk/"+match[1]); err != nil {
			t.Errorf("desk/index.html names %s: %v", match[1], err)
		}
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
	eval := regexp.MustCompile(`\beval\(|new Function\(|(inner|outer)HTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML|srcdoc|document\.write`)
	for _, name := range served(t) {
		if path.Ext(name) == ".gz" {
			continue
		}
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

func TestTheSignInLibraryIsThePinnedOne(t *testing.T) {
	t.Parallel()
	file, err := web.Files.Open("desk/lib/msal-browser.min.js.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("MSAL is not in the tree; scripts/fetch-msal.sh puts it there")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	library, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.New384()
	if _, err := io.Copy(sum, library); err != nil {
		t.Fatal(err)
	}
	var pin struct{ Version, Integrity string }
	text, err := os.ReadFile(filepath.Join("desk", "msal.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &pin); err != nil {
		t.Fatal(err)
	}
	if got := "sha384-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != pin.Integrity {
		t.Errorf("the embedded library hashes to %s, pinned is %s", got, pin.Integrity)
	}
}

func TestDeskSecurityPolicy(t *testing.T) {
	t.Parallel()
	for authority, want := range map[string]string{
		"https://login.microsoftonline.com":   "connect-src 'self' https://login.microsoftonline.com",
		"https://login.microsoftonline.us":    "connect-src 'self' https://login.microsoftonline.us",
		"http://localhost:7071/local/entra":   "connect-src 'self' http://localhost:7071",
		"https://login.microsoftonline.com/x": "connect-src 'self' https://login.microsoftonline.com",
		"":                                    "connect-src 'self'",
	} {
		policy := policyOf(t, "desk/", web.PageOptions{Authority: authority})
		directives := strings.Split(policy, "; ")
		for _, want := range []string{
			want, "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "base-uri 'none'", "form-action 'none'",
			"frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
		} {
			if !slices.Contains(directives, want) {
				t.Errorf("authority %q: %s\nhas no directive %s", authority, policy, want)
			}
		}
	}
}

func TestDeskSecurityPolicyTakesNoOtherAuthority(t *testing.T) {
	t.Parallel()
	for _, authority := range []string{"javascript:alert(1)", "https://a.example;script-src *", "https://a.example,*", "ftp://a.example", "https://%zz"} {
		if _, err := web.Pages(web.PageOptions{Authority: authority}); err == nil {
			t.Errorf("%q goes into the policy", authority)
		}
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
			page := string(pageAt(t, "chat/", web.PageOptions{WebChatURL: c.url}).Body)
			if !strings.Contains(page, c.want) {
				t.Errorf("the page holds no %s", c.want)
			}
			if strings.Contains(page, "{{") {
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
			policy := policyOf(t, "chat/", web.PageOptions{WebChatURL: c.webChat, DirectLineEndpoints: c.endpoints})
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
			if _, err := web.Pages(web.PageOptions{WebChatURL: c[0], DirectLineEndpoints: c[1:]}); err == nil {
				t.Error("it goes into the policy")
			}
		})
	}
}
