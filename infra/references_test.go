package infra

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chatgate/internal/retention"
)

func TestBicepParses(t *testing.T) {
	for name, f := range parse(t) {
		for _, kind := range []string{"ERROR", "MISSING"} {
			for _, wrong := range f.tree.all(kind) {
				t.Errorf("%s:%d: does not parse: %.60s", name, wrong.Line, wrong.Text)
			}
		}
	}
}

// The compiler knows the types of resources, which no check here does.
func TestBicepCompiles(t *testing.T) {
	if _, err := exec.LookPath("bicep"); err != nil {
		t.Skip("no bicep command on the PATH: the types of resources are not checked")
	}
	for _, arguments := range [][]string{{"build", "--stdout", "main.bicep"}, {"lint", "main.bicep"}} {
		if output, err := exec.Command("bicep", arguments...).CombinedOutput(); err != nil {
			t.Errorf("bicep %s: %v\n%s", arguments[0], err, output)
		}
	}
}

// Modules from a registry would have to be fetched.
func TestModulesAreFilesAndEveryFileIsUsed(t *testing.T) {
	files := parse(t)
	used := map[string]bool{"main.bicep": true, "types.bicep": true}
	for name, f := range files {
		for symbol, m := range f.modules {
			path := filepath.Join(filepath.Dir(name), m.path)
			if _, ok := files[path]; !ok {
				t.Errorf("%s: module %s is %s, which is no file", name, symbol, m.path)
			}
			used[path] = true
		}
	}
	for name := range files {
		if !used[name] {
			t.Errorf("%s is used by nothing", name)
		}
	}
}

// Each module is given the parameters that it has and all that it requires.
func TestModulesAreGivenTheirParameters(t *testing.T) {
	files := parse(t)
	for name, f := range files {
		for symbol, m := range f.modules {
			target := files[filepath.Join(filepath.Dir(name), m.path)]
			given := m.body.object().properties()["params"].properties()
			for key := range given {
				if _, ok := target.params[key]; !ok {
					t.Errorf("%s: module %s is given %s, which %s does not have", name, symbol, key, target.name)
				}
			}
			for key, p := range target.params {
				if _, ok := given[key]; !ok && !p.optional {
					t.Errorf("%s: module %s is not given %s", name, symbol, key)
				}
			}
		}
	}
}

var outputReference = regexp.MustCompile(`\b(\w+)!?(?:\[[^\]]*\])?\.outputs\.(\w+)`)

func TestOutputsExist(t *testing.T) {
	files := parse(t)
	for name, f := range files {
		for _, reference := range outputReference.FindAllStringSubmatch(f.tree.Text, -1) {
			m, ok := f.modules[reference[1]]
			if !ok {
				t.Errorf("%s: %s: no such module", name, reference[0])
				continue
			}
			if _, ok := files[filepath.Join(filepath.Dir(name), m.path)].outputs[reference[2]]; !ok {
				t.Errorf("%s: %s: the module has no such output", name, reference[0])
			}
		}
	}
}

func (f file) declared() map[string]bool {
	known := map[string]bool{}
	for _, names := range [][]string{
		sortedKeys(f.params), sortedKeys(f.variables), sortedKeys(f.resources), sortedKeys(f.modules),
		sortedKeys(f.functions), sortedKeys(f.types), sortedKeys(f.imports),
	} {
		for _, name := range names {
			known[name] = true
		}
	}
	return known
}

// builtIn are the functions and namespaces of Bicep that the files use.
func builtIn() []string {
	return []string{
		"any", "base64", "concat", "contains", "dateTimeAdd", "dateTimeToEpoch", "empty", "environment", "fail", "filter", "first", "flatten",
		"guid", "indexOf", "items", "join", "last", "length", "loadTextContent", "map", "newGuid", "range", "reduce", "replace", "resourceGroup",
		"resourceId", "split", "startsWith", "string", "subscription", "subscriptionResourceId", "substring", "toLower", "toObject", "union",
		"uniqueString", "utcNow",
		// Decorators.
		"allowed", "description", "export", "maxLength", "maxValue", "minLength", "minValue", "onlyIfNotExists", "sealed", "secure",
	}
}

// uses calls visit with each identifier that stands for a declaration, and the
// local names (of lambdas, loops and function parameters) in force there.
func uses(n node, local []string, visit func(identifier node, local []string)) {
	switch n.Type {
	case "identifier":
		visit(n, local)
		return
	case "arguments", "for_statement", "user_defined_function":
		local = append(slices.Clone(local), localNames(n)...)
	case "import_functionality", "metadata_declaration", "target_scope_assignment":
		return
	}
	for i, child := range n.Children {
		if i == 0 && slices.Contains([]string{"object_property", "parameter_declaration", "output_declaration", "variable_declaration", "resource_declaration", "module_declaration", "type_declaration", "user_defined_function"}, n.Type) && child.Type == "identifier" {
			continue // the name itself
		}
		if n.Type == "resource_expression" && i == 1 {
			continue // a nested resource, after ::
		}
		uses(child, local, visit)
	}
}

func localNames(n node) []string {
	var names []string
	switch n.Type {
	case "arguments":
		// The parser ends a lambda at the first operator, so its parameters count
		// in the whole call.
		for _, lambda := range regexp.MustCompile(`(\w+|\([\w, ]+\)) =>`).FindAllStringSubmatch(n.Text, -1) {
			names = append(names, regexp.MustCompile(`\w+`).FindAllString(lambda[1], -1)...)
		}
	case "for_statement":
		header, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimLeft(n.Text, "["), "for"), " in ")
		names = regexp.MustCompile(`\w+`).FindAllString(header, -1)
	case "user_defined_function":
		header, _, _ := strings.Cut(n.Text, "=>")
		for _, parameter := range regexp.MustCompile(`[(,]\s*(\w+) `).FindAllStringSubmatch(header, -1) {
			names = append(names, parameter[1])
		}
	}
	return names
}

func TestEveryNameIsDeclared(t *testing.T) {
	for name, f := range parse(t) {
		known := f.declared()
		uses(f.tree, builtIn(), func(identifier node, local []string) {
			if !known[identifier.Text] && !slices.Contains(local, identifier.Text) {
				t.Errorf("%s:%d: %s is not declared", name, identifier.Line, identifier.Text)
			}
		})
	}
}

func TestEveryDeclarationIsUsed(t *testing.T) {
	for name, f := range parse(t) {
		used := map[string]bool{}
		uses(f.tree, nil, func(identifier node, _ []string) { used[identifier.Text] = true })
		for _, names := range [][]string{sortedKeys(f.params), sortedKeys(f.variables), sortedKeys(f.imports)} {
			for _, declared := range names {
				if !used[declared] {
					t.Errorf("%s: %s is declared and never used", name, declared)
				}
			}
		}
		for symbol, r := range f.resources {
			if r.existing && !used[symbol] && !strings.Contains(f.tree.Text, "::"+symbol) {
				t.Errorf("%s: the existing resource %s is never used", name, symbol)
			}
		}
	}
}

// A type named twice with two API versions is one of them forgotten.
func TestOneAPIVersionAType(t *testing.T) {
	versions := map[string]string{}
	for name, f := range parse(t) {
		for symbol, r := range f.resources {
			kind, version, dated := strings.Cut(r.kind, "@")
			if !dated {
				continue // nested: the parent's
			}
			if !regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`).MatchString(version) {
				t.Errorf("%s: %s has the API version %q", name, symbol, version)
			}
			if other, ok := versions[kind]; ok && other != version {
				t.Errorf("%s: %s@%s is %s elsewhere", name, kind, version, other)
			}
			versions[kind] = version
		}
	}
}

// What main.bicep takes and main.parameters.json gives are the same names, and
// what is not given has a default.
func TestParametersFileFits(t *testing.T) {
	given := readJSON[struct {
		Parameters map[string]struct {
			Value string `json:"value"`
		} `json:"parameters"`
	}](t, "main.parameters.json").Parameters
	params := parse(t)["main.bicep"].params
	for name := range given {
		if _, ok := params[name]; !ok {
			t.Errorf("main.parameters.json gives %s, which main.bicep does not have", name)
		}
	}
	for name, p := range params {
		if _, ok := given[name]; !ok && !p.optional {
			t.Errorf("main.bicep requires %s, which main.parameters.json does not give", name)
		}
	}
	for name, variable := range map[string]string{"environmentName": "${AZURE_ENV_NAME}", "location": "${AZURE_LOCATION}"} {
		if given[name].Value != variable {
			t.Errorf("%s is %q, where azd gives %s", name, given[name].Value, variable)
		}
	}
}

// Bad parameters fail at validation: each check names its parameter, and the
// checked location is the resource group's, on which everything else depends.
func TestBadParametersFailAtValidation(t *testing.T) {
	main := parse(t)["main.bicep"]
	problems := main.variables["problems"].Text
	for _, parameter := range []string{
		"allowedOrigins", "trustedOrigins", "directLineEndpoint", "directLineSecretName", "bot.tenantId", "bot.appId", "bot.endpoint",
		"botResourceId", "botPrincipalId", "deskTenantId: is not", "visitorKeySecretName", "tokenRateLimit", "assistantRateLimit", "clientAddressSource",
		"apiClientId: is not", "apiClientId: is missing; assistants with a deskTenantId", "authority: must", "alertEmail",
		"login.botClientId", "login.botTenantId", "login: has neither", "login.apiKeySecretName: is of no use", "login.apiKeySecretName: \"",
		"login.url", "login.tokenServiceUrl", "login.backendUrl", "login.oauthConnections", "login.botIdentityResourceId",
		"apiClientId: is missing; assistants with a login", "sealingKeySecretName: is missing", "sealingKeySecretName: may",
		"conversationStore: cosmos",
	} {
		if !strings.Contains(problems+main.variables["origins"].Text+main.variables["loginUrls"].Text, parameter) {
			t.Errorf("nothing checks %s", parameter)
		}
	}
	if checked := main.variables["checkedLocation"].Text; !strings.Contains(checked, "empty(problems) ? location : fail(") {
		t.Errorf("problems do not fail the validation: %s", checked)
	}
	group := main.resources["group"].body.object().properties()
	if group["location"].Text != "checkedLocation" {
		t.Errorf("the resource group is at %s, so the checks are never evaluated", group["location"].Text)
	}
}

// A rotated secret is never overwritten: seeding is gated by a parameter that is
// off by default, and writes only what does not exist.
func TestSeedingHappensOnce(t *testing.T) {
	files := parse(t)
	if p := files["main.bicep"].params["seedSecrets"]; p.fallback != "false" {
		t.Errorf("seedSecrets is %s by default", p.fallback)
	}
	seeds := 0
	for name, f := range files {
		decorators := ""
		for _, child := range f.tree.Children {
			if child.Type == "decorators" {
				decorators = child.Text
				continue
			}
			if child.Type == "resource_declaration" && strings.HasPrefix(unquote(child.Children[1].Text), "Microsoft.KeyVault/vaults/secrets@") {
				seeds++
				if !strings.Contains(decorators, "@onlyIfNotExists()") {
					t.Errorf("%s:%d: overwrites the secret at each deployment", name, child.Line)
				}
				if header, _, _ := strings.Cut(child.Text, "{"); !strings.Contains(header, "if (seedSecret") {
					t.Errorf("%s:%d: is not gated", name, child.Line)
				}
			}
			decorators = ""
		}
	}
	if seeds != 3 {
		t.Errorf("%d secrets are seeded; want the visitor key, the sealing key and a bot's", seeds)
	}
	hook, err := os.ReadFile(filepath.Join(root, "azure.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(hook), "azd env set SEED_SECRETS false") {
		t.Error("azure.yaml does not switch the seeding off after the first deployment")
	}
}

// The sealing key is 32 bytes: 43 digits of base64, of which the last stands for
// four bits. ARM cannot make random bytes, so they are put together from GUIDs.
func TestTheSealingKeyIsMadeOfRandomDigits(t *testing.T) {
	files := parse(t)
	functions := files["types.bicep"].functions
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for function, part := range map[string]string{"base64Digit": "'" + alphabet + "'", "randomKey": "range(0, 42), i => base64Digit(randomDigits(guids), i, 64, 1)"} {
		if !strings.Contains(functions[function].Text, part) {
			t.Errorf("%s lacks %s", function, part)
		}
	}
	guids := strings.Repeat("01234567-89ab-4cde-8f01-23456789abcd", 3)
	var digits strings.Builder // as randomDigits takes them
	for _, cut := range regexp.MustCompile(`36 \* g(?: \+ (\d+))?, (\d+)`).FindAllStringSubmatch(functions["randomDigits"].Text, -1) {
		from, _ := strconv.Atoi(cut[1])
		size, _ := strconv.Atoi(cut[2])
		digits.WriteString(guids[from : from+size])
	}
	if digits.String() != "0123456789ab"+"cde"+"f01"+"23456789abcd" {
		t.Errorf("of a GUID %q is taken; want all but the version and the variant", &digits)
	}
	if count := 3 * digits.Len(); count < 2*43 {
		t.Errorf("three GUIDs give %d digits", count)
	}
	if p := files["main.bicep"].params["sealingGuids"]; p.fallback != "'${newGuid()}${newGuid()}${newGuid()}'" || !strings.Contains(p.decorators, "@secure()") {
		t.Errorf("sealingGuids is %s", p.fallback)
	}
}

// Bots' identities are for the token service only: the app's own is named
// wherever one is chosen.
func TestTheAppHasTheIdentitiesOfItsBots(t *testing.T) {
	files := parse(t)
	app := files["modules/app.bicep"]
	if !strings.Contains(app.resources["app"].text, "userAssignedIdentities: toObject(union([identityId], botIdentityIds)") {
		t.Error("bots' identities are not assigned to the app")
	}
	for _, setting := range []string{"AzureWebJobsStorage__clientId: identityClientId", "ConversationBus__clientId: identityClientId", "AZURE_CLIENT_ID: identityClientId", "userAssignedIdentityResourceId: identityId"} {
		if !strings.Contains(app.tree.Text, setting) {
			t.Errorf("modules/app.bicep lacks %s", setting)
		}
	}
	given := files["main.bicep"].modules["app"].body.object().properties()["params"].properties()["botIdentityIds"].Text
	if !strings.Contains(given, "connected") {
		t.Errorf("the app is given %s", given)
	}
}

// Hardening that a resource must have, word for word.
func TestHardening(t *testing.T) {
	files := parse(t)
	for name, demands := range map[string][]string{
		"storage.bicep": {
			"allowSharedKeyAccess: false", "allowBlobPublicAccess: false", "minimumTlsVersion: 'TLS1_2'", "supportsHttpsTrafficOnly: true",
			"requireInfrastructureEncryption: true", "table: { enabled: true, keyType: 'Account' }", "queue: { enabled: true, keyType: 'Account' }",
		},
		"vault.bicep":      {"enableRbacAuthorization: true", "enableSoftDelete: true", "enablePurgeProtection: true"},
		"bus.bicep":        {"disableLocalAuth: true", "minimumTlsVersion: '1.2'"},
		"cosmos.bicep":     {"disableLocalAuth: true", "'EnableTable'", "minimalTlsVersion: 'Tls12'"},
		"monitoring.bicep": {"DisableLocalAuth: true", "disableLocalAuth: true"},
		"app.bicep":        {"httpsOnly: true", "minTlsVersion: '1.2'", "scmMinTlsVersion: '1.2'", "ftpsState: 'Disabled'", "name: 'custom', version: '1.0'", "type: 'UserAssignedIdentity'"},
		"bot.bicep":        {"isSecureSiteEnabled: true", "isBlockUserUploadEnabled: true", "isV3Enabled: true", "trustedOrigins: trustedOrigins"},
		// Flex Consumption joins only a subnet that is delegated to it.
		"network.bicep": {"serviceName: 'Microsoft.App/environments'"},
	} {
		for _, demand := range demands {
			if !strings.Contains(files["modules/"+name].tree.Text, demand) {
				t.Errorf("modules/%s lacks %s", name, demand)
			}
		}
	}
	app := files["modules/app.bicep"].resources
	for _, policy := range []string{"ftp", "scm"} {
		if r := app[policy]; !strings.HasSuffix(r.kind, "/basicPublishingCredentialsPolicies") || !strings.Contains(r.text, "allow: false") {
			t.Errorf("passwords may deploy by %s", policy)
		}
	}
	if strings.Contains(files["modules/app.bicep"].tree.Text, "cors:") {
		t.Error("the platform's CORS would answer preflights before the handler")
	}
}

// Where people write to the workspace, and what wakes them.
func TestEveryStoreHasDiagnosticsAndEveryFaultAnAlert(t *testing.T) {
	files := parse(t)
	for _, name := range []string{"app", "bot", "bus", "cosmos", "storage", "vault"} {
		found := false
		for _, r := range files["modules/"+name+".bicep"].resources {
			found = found || strings.HasPrefix(r.kind, "Microsoft.Insights/diagnosticSettings@")
		}
		if !found {
			t.Errorf("modules/%s.bicep has no diagnostic settings", name)
		}
	}
	alerts := files["modules/alerts.bicep"].tree.Text
	for what, word := range map[string]string{
		"dead letters": "'DeadletteredMessages'", "quarantine": "'conversation-quarantine'", "5xx": "toint(ResultCode) >= 500",
		"token failures": "direct_line_refused", "throttling": "direct_line_throttled", "retention": `Name == "PurgeExpired" and Success == false`,
		"logins": "login_unavailable", "clients' systems": "backend_unsafe", "a retention that falls behind": "line.purge.complete",
	} {
		if !strings.Contains(alerts, word) {
			t.Errorf("no alert about %s", what)
		}
	}
	if !strings.Contains(files["modules/events.bicep"].resources["toPeople"].text, "Microsoft.KeyVault.SecretNearExpiry") {
		t.Error("no alert about secrets near their expiry")
	}
}

// The codes in the alerts and the workbook are codes that the handler writes.
func TestAlertsNameCodesThatExist(t *testing.T) {
	known, err := os.ReadFile(filepath.Join(root, "internal", "problem", "problem.go"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := parse(t)["modules/alerts.bicep"].tree.Text
	for _, list := range regexp.MustCompile(`Code in \(([^)]*)\)`).FindAllStringSubmatch(alerts, -1) {
		for _, code := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(list[1], -1) {
			if !strings.Contains(string(known), fmt.Sprintf("%q", code[1])) {
				t.Errorf("an alert waits for %s, which is no code", code[1])
			}
		}
	}
	if !strings.Contains(alerts, `Code in (`) {
		t.Error("no alert looks at codes")
	}
}

// A retention that falls behind succeeds each time and never comes to its end. The
// alert looks at a day of runs for what the handler's lines say of them.
func TestARetentionThatFallsBehindIsTold(t *testing.T) {
	alerts := parse(t)["modules/alerts.bicep"].tree.Text
	_, alert, _ := strings.Cut(alerts, "name: 'retention-behind'")
	alert, _, _ = strings.Cut(alert, "\n  }")
	line, err := json.Marshal(retention.Report{})
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"complete", "dryRun"} {
		if !strings.Contains(string(line), `"`+member+`":`) || !strings.Contains(alert, "line.purge."+member) {
			t.Errorf("the alert does not ask for %s, or the line %s has none", member, line)
		}
	}
	if !strings.Contains(alert, "tostring(line.msg) == \"PurgeExpired\"") || !strings.Contains(alert, "window: 'P1D'") {
		t.Errorf("the alert is %s", alert)
	}
}

// An alert that waits for a function of another name would never come.
func TestAlertsNameFunctionsThatExist(t *testing.T) {
	named := regexp.MustCompile(`\bName == "(\w+)"`).FindAllStringSubmatch(parse(t)["modules/alerts.bicep"].tree.Text, -1)
	if len(named) == 0 {
		t.Error("no alert looks at a function")
	}
	for _, name := range named {
		if _, ok := functions(t)[name[1]]; !ok {
			t.Errorf("an alert waits for the function %s, which does not exist", name[1])
		}
	}
}
