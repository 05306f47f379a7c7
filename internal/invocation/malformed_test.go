package invocation_test

import (
	"errors"
	"strings"
	"testing"

	"chatgate/internal/invocation"
)

type malformed struct{ body, want string }

// TestMisdeclared: what arrives for another declaration in function.json, or
// where something else than the host calls, is refused by saying what should
// have arrived.
func TestMisdeclared(t *testing.T) {
	const declared = "(function.json: cardinality many, dataType binary)"
	for name, test := range map[string]malformed{
		"empty":                     {"", "the envelope is malformed at byte 0: expected an object with the members Data and Metadata, found the end"},
		"null":                      {"null", "expected an object with the members Data and Metadata, found 'n'"},
		"an array":                  {"[]", "expected an object with the members Data and Metadata, found '['"},
		"no Data":                   {"{}", "expected Data.activities, a string that holds an array of base64 strings " + declared + ", found no such member"},
		"Data is null":              {`{"Data":null}`, "expected Data.activities"},
		"Data is a string":          {`{"Data":"activities"}`, "expected Data.activities"},
		"another binding":           {`{"Data":{"message":"[]"}}`, "expected Data.activities"},
		"another letter case":       {`{"data":{"activities":"[]"}}`, "expected Data.activities"},
		"two batches":               {`{"Data":{"activities":"[]","activities":"[]"}}`, "expected one Data.activities, found another one"},
		"two batches, two Data":     {`{"Data":{"activities":"[]"},"Data":{"activities":"[]"}}`, "expected one Data.activities, found another one"},
		"declared cardinality one":  {`{"Data":{"activities":"eyJ0eXBlIjoibWVzc2FnZSJ9"}}`, "Data.activities is malformed at byte 0: expected an array " + declared + ", found 'e'"},
		"declared without dataType": {`{"Data":{"activities":"[{\"type\":\"message\"}]"}}`, "Data.activities is malformed at byte 1: expected a base64 string or null " + declared + ", found '{'"},
		"numbers for messages":      {`{"Data":{"activities":[1]}}`, "expected a base64 string or null " + declared + ", found '1'"},
		"activities is null":        {`{"Data":{"activities":null}}`, "expected an array " + declared + ", found 'n'"},
		"activities holds null":     {`{"Data":{"activities":"null"}}`, "expected an array " + declared + ", found 'n'"},
		"activities is empty":       {`{"Data":{"activities":""}}`, "expected an array " + declared + ", found the end"},
	} {
		t.Run(name, test.run)
	}
}

func TestMalformed(t *testing.T) {
	const declared = "(function.json: cardinality many, dataType binary)"
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for name, test := range map[string]malformed{
		"more behind the array":       {`{"Data":{"activities":"[] []"}}`, "Data.activities is malformed at byte 3: expected nothing more, found '['"},
		"the array is cut":            {`{"Data":{"activities":"[\"YQ==\""}}`, "expected a comma or a closing bracket, found the end"},
		"an element is cut":           {`{"Data":{"activities":"[\"YQ==]"}}`, "expected the end of a string, found the end"},
		"a comma too many":            {`{"Data":{"activities":"[\"YQ==\",]"}}`, "expected a base64 string or null " + declared + ", found ']'"},
		"a comma missing":             {`{"Data":{"activities":"[\"YQ==\" \"YQ==\"]"}}`, "expected a comma or a closing bracket, found '\"'"},
		"a misspelt null":             {`{"Data":{"activities":"[nul]"}}`, "expected null, found 'n'"},
		"a line break in an element":  {`{"Data":{"activities":"[\"YQ==\n\"]"}}`, `expected a string without control characters, found '\n'`},
		"a line break in a string":    {"{\"Data\":{\"activities\":\"[\n]\"}}", `expected a string without control characters, found '\n'`},
		"an unknown escape":           {`{"Data":{"activities":"[\x5d"}}`, "expected an escape sequence, found 'x'"},
		"an escape cut":               {`{"\`, "expected an escape sequence, found the end"},
		"digits that are none":        {`{"\u00g0":1}`, "expected four hexadecimal digits, found '0'"},
		"digits cut":                  {`{"\u00`, "four hexadecimal digits, found '0'"},
		"trailing data":               {hostExample + "\n{}", "expected nothing more, found '{'"},
		"trailing zero byte":          {hostExample + "\x00", `expected nothing more, found '\x00'`},
		"a byte order mark":           {"\uFEFF" + hostExample, "expected an object with the members Data and Metadata"},
		"a name without a value":      {`{"Data"}`, "expected a colon, found '}'"},
		"a name without quotes":       {`{Data:{}}`, "expected a string, found 'D'"},
		"a comma before the end":      {`{"Data":{},}`, "expected a string, found '}'"},
		"brackets that do not match":  {`{"Data":{]}`, "expected a string, found ']'"},
		"a leading zero":              {`{"x":01}`, "expected a comma or a closing bracket, found '1'"},
		"a number that ends too soon": {`{"x":-}`, "expected a value, found '}'"},
		"a fraction without digits":   {`{"x":1.}`, "expected a digit, found '}'"},
		"an exponent without digits":  {`{"x":1e+}`, "expected a digit, found '}'"},
		"a misspelt word":             {`{"x":trUe}`, "expected true, found 't'"},
		"nested too deep":             {`{"x":` + deep + `}`, "expected values nested at most 100 levels deep, found '['"},
		"a real array that is wrong":  {`{"Data":{"activities":"[]"},"Metadata":{"MessageIdArray":["m"}}`, "expected a comma or a closing bracket, found '}'"},
		"a wrong array cut off":       {`{"Data":{"activities":"[]"},"Metadata":{"MessageIdArray":"[[`, "expected the end of a string, found the end"},
	} {
		t.Run(name, test.run)
	}
}

func (m malformed) run(t *testing.T) {
	messages, err := invocation.DecodeMessages(strings.NewReader(m.body), "activities")
	if err == nil {
		t.Fatalf("no error, but %d messages", len(messages))
	}
	var malformed *invocation.MalformedError
	if !errors.As(err, &malformed) {
		t.Errorf("%v is no *MalformedError", err)
	}
	if !strings.Contains(err.Error(), m.want) {
		t.Errorf("the error is\n%v\nand does not say\n%s", err, m.want)
	}
	if messages != nil {
		t.Error("messages beside an error")
	}
}

// TestErrorsDoNotQuote: what a visitor wrote must not reach the log by way of
// an error.
func TestErrorsDoNotQuote(t *testing.T) {
	const canary = "canary-5f1c"
	for _, body := range []string{
		`{"` + canary + `":` + canary,
		`{"Data":{"` + canary + `":"` + canary + `"}}`,
		`{"Data":{"activities":"` + canary + `"}}`,
		`{"Data":{"activities":"[\"` + canary + `\", ` + canary + `]"}}`,
		hostExample + canary,
	} {
		_, err := invocation.DecodeMessages(strings.NewReader(body), "activities")
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("DecodeMessages(%s): %v", body, err)
		}
	}
}
