package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// contract is docs/reference/login-api.yaml.
type contract struct {
	t        *testing.T
	document any
	compiler *jsonschema.Compiler
}

func loadContract(t *testing.T) *contract {
	t.Helper()
	text, err := os.ReadFile("../../docs/reference/login-api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(document) // the schema library wants the types of encoding/json
	if err != nil {
		t.Fatal(err)
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("login-api.json", resource); err != nil {
		t.Fatal(err)
	}
	return &contract{t, resource, compiler}
}

// at follows a JSON pointer; nil where it leads nowhere.
func (c *contract) at(pointer string) any {
	at := c.document
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := at.(map[string]any)
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
		if inner, isObject := at.(map[string]any); isObject {
			if ref, isRef := inner["$ref"].(string); isRef {
				at = c.at(strings.TrimPrefix(ref, "#"))
			}
		}
	}
	return at
}

// fits holds a value against the schema at a pointer.
func (c *contract) fits(schema string, value any) error {
	c.t.Helper()
	compiled, err := c.compiler.Compile("login-api.json#" + schema)
	if err != nil {
		c.t.Fatal(err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		c.t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		c.t.Fatal(err)
	}
	return compiled.Validate(plain)
}

func TestTheExamplesFitTheirSchemas(t *testing.T) {
	c := loadContract(t)
	seen := 0
	for _, call := range []string{startLogin, pollLogin, refreshToken} {
		post := "/paths/~1" + call + "/post"
		places := []string{post + "/requestBody/content/application~1json"}
		for _, status := range []string{"200", "201"} {
			places = append(places, post+"/responses/"+status+"/content/application~1json")
		}
		for _, place := range places {
			examples, _ := c.at(place + "/examples").(map[string]any)
			for name := range examples {
				seen++
				if err := c.fits(place+"/schema", c.at(place+"/examples/"+name+"/value")); err != nil {
					t.Errorf("%s, %s: %v", place, name, err)
				}
			}
		}
	}
	if seen < 9 {
		t.Errorf("only %d examples", seen)
	}
}

// What Chatgate's checks send and a good API answers is what the document says.
func TestAGoodRunFitsTheContract(t *testing.T) {
	c := loadContract(t)
	w := open(t, nil, nil)
	calls := 0
	w.twist = func(x *exchange) {
		if x.method != http.MethodPost || x.garbage || x.body["hint"] == 1.0 {
			return
		}
		calls++
		post := "/paths/~1" + x.name + "/post"
		status := post + "/responses/" + strconv.Itoa(x.status)
		if c.at(status) == nil {
			t.Errorf("%s answers %d, which the document does not list", x.name, x.status)
			return
		}
		if x.status != http.StatusOK {
			return
		}
		if err := c.fits(post+"/requestBody/content/application~1json/schema", x.body); err != nil {
			t.Errorf("the body of %s: %v", x.name, err)
		}
		if err := c.fits(status+"/content/application~1json/schema", x.answer); err != nil {
			t.Errorf("the answer to %s: %v", x.name, err)
		}
		if err := c.fits("/components/headers/noStore/schema", x.header.Get("Cache-Control")); err != nil {
			t.Error(err)
		}
	}
	if code := w.run(); code != 0 || calls < 20 {
		t.Errorf("code %d, %d calls\n%s", code, calls, w.out)
	}
}

// The bounds of the checks are those of the document.
func TestTheBoundsAreThoseOfTheDocument(t *testing.T) {
	c := loadContract(t)
	for place, want := range map[string]float64{
		"Start/properties/hint/maxLength":            maxHint,
		"Started/properties/pollingToken/minLength":  unguessable,
		"Started/properties/pollingToken/maxLength":  maxPolling,
		"Started/properties/expiresIn/minimum":       minLife.Seconds(),
		"Started/properties/expiresIn/maximum":       maxLife.Seconds(),
		"Started/properties/interval/maximum":        maxInterval.Seconds(),
		"Started/properties/interval/default":        usual.Seconds(),
		"Progress/properties/token/maxLength":        maxToken,
		"Progress/properties/expiresIn/maximum":      maxExpiry.Seconds(),
		"Progress/properties/refreshToken/maxLength": maxRefresh,
	} {
		number, _ := c.at("/components/schemas/" + place).(json.Number)
		if got, err := number.Float64(); err != nil || got != want {
			t.Errorf("%s is %v in the document and %v here", place, number, want)
		}
	}
	text, _ := c.at("/info/description").(string)
	for _, words := range []string{"after 10 seconds", "at most 64 KiB", "at least 2 and at most 60 seconds", "again for a minute"} {
		if !strings.Contains(text, words) {
			t.Errorf("the description does not say %q", words)
		}
	}
}

func TestAnswersThatDoNotFitAreThoseThatFail(t *testing.T) {
	c := loadContract(t)
	for _, answer := range []map[string]any{
		{}, {"status": "waiting"}, {"status": "approved"}, {"status": "approved", "token": ""}, {"status": "approved", "token": "a b"}, {"status": "approved", "token": "a=b"},
		{"status": "pending", "token": "t"}, {"status": "denied", "refreshToken": "r"}, {"status": "approved", "token": 1},
	} {
		body, _ := json.Marshal(answer)
		_, err := readProgress(answerOf(body))
		if unfit := c.fits("/components/schemas/Progress", answer); (err == nil) != (unfit == nil) || err == nil {
			t.Errorf("%s: the check says %v, the document %v", body, err, unfit)
		}
	}
}

func answerOf(body []byte) answer { return answer{status: http.StatusOK, body: body} }

func TestTheCodeIsOfTheFormInTheDocument(t *testing.T) {
	c := loadContract(t)
	pattern, _ := c.at("/components/schemas/Start/properties/bindingCode/pattern").(string)
	form := regexp.MustCompile(pattern)
	for range 50 {
		if code := newCode(); !form.MatchString(code) {
			t.Errorf("code %s", code)
		}
	}
	for _, alike := range []string{"A", "E", "I", "O", "U", "Y", "0", "1"} {
		if form.MatchString("BB" + alike + "-BBB") {
			t.Errorf("%s is in the document's alphabet", alike)
		}
	}
}
