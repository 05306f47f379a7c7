package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const openAPI = "../docs/reference/openapi.yaml"

// contract is docs/reference/openapi.yaml, ready to check answers against it.
type contract struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	text, err := os.ReadFile(openAPI)
	if err != nil {
		return nil, err
	}
	var document map[string]any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	// The schema library wants the types of encoding/json.
	encoded, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	return &contract{document: document, compiler: compiler}, compiler.AddResource("openapi.json", resource)
})

// checkContract holds an answer against the OpenAPI document: the status is
// listed, the media type is, and headers and body fit their schemas.
func checkContract(t *testing.T, path string, response *http.Response, body []byte) {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatalf("reading %s: %v", openAPI, err)
	}
	status := strconv.Itoa(response.StatusCode)
	if response.Header.Get("X-Backend-Status") != "" {
		status = "default" // the client system's own
	}
	pointer := "/paths/" + escape(path) + "/" + strings.ToLower(response.Request.Method) + "/responses/" + status
	if response.Request.Method == http.MethodHead || !isListed(c.document, path, response.Request.Method) {
		return // answers to methods that are not offered are checked by their own tests
	}
	pointer, answer := c.resolve(t, pointer)
	if answer == nil {
		t.Errorf("%s %s answers %d, which %s does not list", response.Request.Method, path, response.StatusCode, openAPI)
		return
	}
	headers, _ := answer["headers"].(map[string]any)
	for name := range headers {
		c.validate(t, pointer+"/headers/"+name+"/schema", name, response.Header.Get(name))
	}
	content, _ := answer["content"].(map[string]any)
	if _, anything := content["*/*"]; anything || len(content) == 0 {
		return
	}
	media, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if _, listed := content[media]; !listed {
		t.Errorf("%s %s answers %d with Content-Type %q, which %s does not list", response.Request.Method, path, response.StatusCode, media, openAPI)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("the body is not JSON: %v\n%s", err, body)
		return
	}
	c.validate(t, pointer+"/content/"+escape(media)+"/schema", "the body", value)
}

func isListed(document map[string]any, path, method string) bool {
	paths, _ := document["paths"].(map[string]any)
	item, _ := paths[path].(map[string]any)
	_, listed := item[strings.ToLower(method)]
	return listed
}

// resolve follows a JSON pointer, and a $ref at its end.
func (c *contract) resolve(t *testing.T, pointer string) (string, map[string]any) {
	t.Helper()
	var at any = c.document
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := at.(map[string]any)
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	object, _ := at.(map[string]any)
	if ref, ok := object["$ref"].(string); ok {
		return c.resolve(t, strings.TrimPrefix(ref, "#"))
	}
	return pointer, object
}

func (c *contract) validate(t *testing.T, pointer, what string, value any) {
	t.Helper()
	schema, err := c.compiler.Compile("openapi.json#" + pointer)
	if err != nil {
		t.Fatalf("compiling %s: %v", pointer, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s does not fit %s: %v", what, pointer, err)
	}
}

func escape(part string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
}

// send calls the server and checks the answer against the contract.
func send(t *testing.T, request *http.Request) (*http.Response, []byte) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if path := contractPath(request.URL.EscapedPath()); path != "" {
		checkContract(t, path, response, body)
	}
	return response, body
}

// contractPaths are the paths of the OpenAPI document, the first that fits first.
var contractPaths = []struct {
	pattern *regexp.Regexp
	path    string
}{
	{regexp.MustCompile(`(?i)^/api/GetNewToken(/.*)?$`), "/api/GetNewToken/{assistant}"},
	{regexp.MustCompile(`(?i)^/api/RefreshToken(/.*)?$`), "/api/RefreshToken/{assistant}"},
	{regexp.MustCompile(`(?i)^/api/Health/?$`), "/api/Health"},
	{regexp.MustCompile(`(?i)^/api/site(/.*)?$`), "/api/site/{path}"},
	{regexp.MustCompile(`(?i)^/api/login/[^/]+/start/?$`), "/api/login/{assistant}/start"},
	{regexp.MustCompile(`(?i)^/api/login/[^/]+/poll/?$`), "/api/login/{assistant}/poll"},
	{regexp.MustCompile(`(?i)^/api/login/[^/]+/refresh/?$`), "/api/login/{assistant}/refresh"},
	{regexp.MustCompile(`(?i)^/api/login/[^/]+/signout/?$`), "/api/login/{assistant}/signout"},
	{regexp.MustCompile(`(?i)^/api/backend/[^/]+(/.*)?$`), "/api/backend/{assistant}/{path}"},
	{regexp.MustCompile(`(?i)^/api/desk/config/?$`), "/api/desk/config"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/?$`), "/api/desk/assistants"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/[^/]+/conversations/?$`), "/api/desk/assistants/{assistant}/conversations"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/[^/]+/conversations/[^/]+/?$`), "/api/desk/assistants/{assistant}/conversations/{key}"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/[^/]+/users/?$`), "/api/desk/assistants/{assistant}/users"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/[^/]+/users/[^/]+/?$`), "/api/desk/assistants/{assistant}/users/{userId}"},
	{regexp.MustCompile(`(?i)^/api/desk/assistants/[^/]+/audit/?$`), "/api/desk/assistants/{assistant}/audit"},
}

func contractPath(path string) string {
	for _, candidate := range contractPaths {
		if candidate.pattern.MatchString(path) {
			return candidate.path
		}
	}
	return ""
}
