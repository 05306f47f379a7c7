package functionshost

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goodHost = `{"version":"2.0","extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"},
"customHandler":{"description":{"defaultExecutablePath":"handler"},"enableForwardingHttpRequest":true,"enableProxyingHttpRequest":true}}`

const goodHTTP = `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous"},{"type":"http","direction":"out","name":"res"}]}`

const goodQueue = `{"bindings":[
	{"type":"serviceBusTrigger","direction":"in","name":"a","queueName":"q","connection":"Bus","cardinality":"many","dataType":"binary","maxMessageBatchSize":250},
	{"type":"serviceBus","direction":"out","name":"out","queueName":"%OutQueue%","connection":"Bus"}]}`

var goodSettings = settings{"Bus__fullyQualifiedNamespace": "x.servicebus.windows.net", "OutQueue": "other"}

// layOut writes a script root. Text "" leaves out a file, "folder" makes one.
func layOut(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"host.json": goodHost, "handler": "#!/bin/sh\n", "Ask/function.json": goodHTTP}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		if text == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if text == "folder" {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAScriptRootIsReadAsAzureWould(t *testing.T) {
	dir := layOut(t, map[string]string{
		"Persist/function.json":          goodQueue,
		"Timer/function.json":            `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"0 0 3 * * *","useMonitor":true}]}`,
		"Off/function.json":              strings.Replace(goodHTTP, "{", `{"disabled":true,`, 1),
		"OffBySetting/function.json":     goodHTTP,
		"functions/Nested/function.json": "not even JSON, but nobody looks",
		"Empty/readme.md":                "x",
		"function.json":                  "x",
		"host.json": strings.Replace(goodHost, `"version":"2.0",`, `"version":"2.0","functionTimeout":"00:05:00",
			"extensions":{"http":{"routePrefix":"/v1/api/"},"serviceBus":{"maxMessageBatchSize":17}},`, 1),
	})
	with := settings{"AzureWebJobs.OffBySetting.Disabled": "true"}
	for name, value := range goodSettings {
		with[name] = value
	}
	loaded, err := loadScript(dir, with)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range loaded.functions {
		names = append(names, f.name)
	}
	if got := strings.Join(names, " "); got != "Ask Persist Timer" {
		t.Errorf("functions: %s", got)
	}
	persist := loaded.functions[1]
	if persist.trigger.Type != typeServiceBusTrigger || *persist.trigger.MaxMessageBatchSize != 250 || persist.outputs[0].QueueName != "other" {
		t.Errorf("Persist: %+v", persist)
	}
	host := loaded.host
	if host.functionTimeout != 5*time.Minute || host.initializationTimeout != 30*time.Second || host.routePrefix != "v1/api" || host.maxMessageBatchSize != 17 {
		t.Errorf("host: %+v", host)
	}
	if host.executable != filepath.Join(dir, "handler") || host.workingDirectory != dir {
		t.Errorf("handler: %s in %s", host.executable, host.workingDirectory)
	}
}

func TestHostJSONMistakesFailWithAPreciseError(t *testing.T) {
	replace := func(old, by string) string {
		if !strings.Contains(goodHost, old) {
			t.Fatalf("%s is not in host.json", old)
		}
		return strings.Replace(goodHost, old, by, 1)
	}
	const version = `"version":"2.0",`
	for name, test := range map[string]struct{ text, want string }{
		"missing":                   {"", "host.json"},
		"not JSON":                  {"{", "host.json"},
		"no version":                {replace(version, ""), `"version" must be "2.0"`},
		"another version":           {replace(`"2.0"`, `"1.0"`), `"version" must be "2.0", not "1.0"`},
		"no custom handler":         {`{"version":"2.0"}`, `"customHandler.description" is missing`},
		"handler with a path":       {replace(`"handler"`, `"./handler"`), `must be "handler", not "./handler"`},
		"only forwarding":           {replace(`"enableProxyingHttpRequest":true`, `"enableProxyingHttpRequest":false`), "enableForwardingHttpRequest and enableProxyingHttpRequest"},
		"only proxying":             {replace(`"enableForwardingHttpRequest":true,`, ""), "enableForwardingHttpRequest and enableProxyingHttpRequest"},
		"routes of its own":         {replace(`"customHandler":{`, `"customHandler":{"http":{"routes":[]},`), `"customHandler.http"`},
		"function timeout":          {replace(version, version+`"functionTimeout":"5m",`), `"functionTimeout": "5m" is not a time span`},
		"initialization timeout":    {replace(`"customHandler":{`, `"customHandler":{"initializationTimeout":"00:99:00",`), `"customHandler.initializationTimeout"`},
		"batch size":                {replace(version, version+`"extensions":{"serviceBus":{"maxMessageBatchSize":0}},`), "maxMessageBatchSize"},
		"batches that wait":         {replace(version, version+`"extensions":{"serviceBus":{"minMessageBatchSize":2}},`), "minMessageBatchSize"},
		"wrong type":                {replace(version, version+`"functionTimeout":5,`), "functionTimeout"},
		"two mistakes, both told 1": {replace(`"2.0"`, `"3"`) + " ", `"version"`},
	} {
		if _, err := loadScript(layOut(t, map[string]string{"host.json": test.text}), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	both := strings.Replace(replace(`"2.0"`, `"3"`), `"handler"`, `"x"`, 1)
	_, err := loadScript(layOut(t, map[string]string{"host.json": both, "Ask/function.json": "{"}), nil)
	for _, want := range []string{`not "3"`, `not "x"`, "function Ask"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("all problems at once: %v, want %q", err, want)
		}
	}
}

func TestTheHandlerMustBeAFileThatMayRun(t *testing.T) {
	dir := layOut(t, nil)
	if err := os.Chmod(filepath.Join(dir, "handler"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dir, want string }{
		"no exec bit": {dir, "no exec bit"},
		"missing":     {layOut(t, map[string]string{"handler": ""}), "the handler is missing"},
		"a folder":    {layOut(t, map[string]string{"handler": "folder"}), "is not a file"},
	} {
		if _, err := loadScript(test.dir, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestFunctionMistakesFailWithAPreciseError(t *testing.T) {
	queue := func(old, by string) string {
		if !strings.Contains(goodQueue, old) {
			t.Fatalf("%s is not in function.json", old)
		}
		return strings.Replace(goodQueue, old, by, 1)
	}
	for name, test := range map[string]struct{ folder, text, want string }{
		"folder's name":           {"9Ask", goodHTTP, "folder's name"},
		"folder's name, too long": {strings.Repeat("a", 129), goodHTTP, "folder's name"},
		"not JSON":                {"A", "{", "function A: function.json"},
		"no binding":              {"A", "{}", "exactly one trigger, this one has 0"},
		"two triggers":            {"A", queue(`"serviceBus",`, `"timerTrigger","schedule":"x",`), ""},
		"unknown type":            {"A", `{"bindings":[{"type":"queueTrigger","direction":"in","name":"a"}]}`, `type "queueTrigger"`},
		"misspelt field":          {"A", queue(`"cardinality"`, `"cardinalty"`), "cardinalty"},
		"field of another type":   {"A", queue(`"serviceBus","direction"`, `"serviceBus","methods":[],"direction"`), `a serviceBus has no "methods"`},
		"binding's name":          {"A", queue(`"name":"a"`, `"name":"a_b"`), `"a_b" is not a binding's name`},
		"name taken":              {"A", queue(`"name":"out"`, `"name":"A"`), `the name "A" is taken`},
		"direction":               {"A", queue(`"direction":"in"`, `"direction":"out"`), `direction of "a" must be "in", not "out"`},
		"data type":               {"A", queue(`"binary"`, `"stream"`), `dataType "stream"`},
		"cardinality":             {"A", queue(`"many"`, `"some"`), "cardinality must be one or many"},
		"no queue":                {"A", queue(`"queueName":"q",`, ""), `"a" names no queue`},
		"batch size":              {"A", queue("250", "0"), "maxMessageBatchSize must be at least 1"},
		"connection":              {"A", queue(`"connection":"Bus","cardinality"`, `"connection":"Other","cardinality"`), "setting Other__fullyQualifiedNamespace is missing"},
		"no connection":           {"A", queue(`"connection":"Bus","cardinality"`, `"cardinality"`), "setting AzureWebJobsServiceBus__fullyQualifiedNamespace is missing"},
		"queue by setting":        {"A", queue("%OutQueue%", "%Nowhere%"), "setting Nowhere is missing"},
		"timer's schedule":        {"A", `{"bindings":[{"type":"timerTrigger","direction":"in","name":"t","schedule":"daily"}]}`, `function A: schedule "daily"`},
		"schedule by setting":     {"A", `{"bindings":[{"type":"timerTrigger","direction":"in","name":"t","schedule":"%Nowhere%"}]}`, "schedule: setting Nowhere is missing"},
		"timer without schedule":  {"A", `{"bindings":[{"type":"timerTrigger","direction":"in","name":"t"}]}`, "has no schedule"},
		"auth level":              {"A", strings.Replace(goodHTTP, "anonymous", "public", 1), "authLevel must be"},
		"no http output":          {"A", `{"bindings":[{"type":"httpTrigger","direction":"in","name":"r"}]}`, "only bindings"},
		"http and a queue":        {"A", strings.Replace(goodHTTP, `]}`, `,{"type":"serviceBus","direction":"out","name":"o","queueName":"q","connection":"Bus"}]}`, 1), "only bindings"},
		"http for a queue":        {"A", queue(`{"type":"serviceBus",`, `{"type":"http","direction":"out","name":"h"},{"type":"serviceBus",`), "only bindings"},
		"case only":               {"ASK", goodHTTP, "differ in case only"},
	} {
		_, err := loadScript(layOut(t, map[string]string{test.folder + "/function.json": test.text}), goodSettings)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestConnectionsAndBundle(t *testing.T) {
	queue := map[string]string{"P/function.json": goodQueue}
	if _, err := loadScript(layOut(t, queue), settings{"Bus": "Endpoint=…", "OutQueue": "o"}); err != nil {
		t.Errorf("a connection string: %v", err)
	}
	both := settings{"Bus": "Endpoint=…", "Bus__fullyQualifiedNamespace": "x", "OutQueue": "o"}
	if _, err := loadScript(layOut(t, queue), both); err == nil || !strings.Contains(err.Error(), "is not read") {
		t.Errorf("connection string and identity: %v", err)
	}
	queue["host.json"] = strings.Replace(goodHost, "[4.*, 5.0.0)", "", 1)
	if _, err := loadScript(layOut(t, queue), goodSettings); err == nil || !strings.Contains(err.Error(), "extensionBundle") {
		t.Errorf("no bundle: %v", err)
	}
	timerOnly := map[string]string{"Ask/function.json": "", "T/function.json": `{"bindings":[{"type":"timerTrigger","direction":"in","name":"t","schedule":"0 */5 * * * *"}]}`,
		"host.json": `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}`}
	if _, err := loadScript(layOut(t, timerOnly), nil); err != nil {
		t.Errorf("timers need no bundle: %v", err)
	}
}

func TestARootWithoutFunctions(t *testing.T) {
	dir := layOut(t, map[string]string{"Ask/function.json": "", "functions/Ask/function.json": goodHTTP})
	if _, err := loadScript(dir, nil); err == nil || !strings.Contains(err.Error(), "deeper folders are not searched") {
		t.Errorf("%v", err)
	}
	if _, err := loadScript(filepath.Join(dir, "nowhere"), nil); err == nil {
		t.Error("no error for a root that does not exist")
	}
}

func TestTimeSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"00:05:00": 5 * time.Minute, "1:2:3": time.Hour + 2*time.Minute + 3*time.Second, "2.00:00:00": 48 * time.Hour, "00:00:00.5": 500 * time.Millisecond,
	} {
		if got, err := parseTimeSpan(text); err != nil || got != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "5m", "24:00:00", "00:60:00", "00:00:60", "-00:00:01", "00:00:00.12345678", "00:00"} {
		if got, err := parseTimeSpan(text); err == nil {
			t.Errorf("%q: %s, want an error", text, got)
		}
	}
	unlimited := strings.Replace(goodHost, `"version":"2.0",`, `"version":"2.0","functionTimeout":"-1",`, 1)
	loaded, err := loadScript(layOut(t, map[string]string{"host.json": unlimited}), nil)
	if err != nil || loaded.host.functionTimeout != 0 {
		t.Errorf("no time-out at all: %v", err)
	}
}
