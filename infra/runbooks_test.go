package infra

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whoever deploys, by hand or by the workflow, finds every variable of the
// parameters file.
func TestVariablesAreDocumented(t *testing.T) {
	variables := regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(read(t, "infra", "main.parameters.json"), -1)
	if len(variables) < 3 {
		t.Fatalf("main.parameters.json has the variables %v", variables)
	}
	for _, variable := range variables {
		for _, path := range []string{"docs/runbooks/deploy.md", ".github/workflows/deploy.yml"} {
			if !regexp.MustCompile(`\b` + variable[1] + `\b`).MatchString(read(t, filepath.FromSlash(path))) {
				t.Errorf("%s does not mention %s", path, variable[1])
			}
		}
	}
}

// The runbook lists the fields that an assistant and its login have.
func TestFieldsOfAnAssistantAreDocumented(t *testing.T) {
	assistants, logins, _ := strings.Cut(read(t, "docs", "runbooks", "add-an-assistant.md"), "\n## Login\n")
	for name, text := range map[string]string{"assistant": assistants, "userLogin": logins} {
		declared := sortedKeys(parse(t)["types.bicep"].types[name].object().properties())
		var documented []string
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1) {
			documented = append(documented, row[1])
		}
		if diff := cmp.Diff(declared, sorted(documented)); diff != "" {
			t.Errorf("docs/runbooks/add-an-assistant.md, %s (-Bicep +documented):\n%s", name, diff)
		}
	}
}

// A compiler older than the one that azd brings would not know the decorator
// that keeps rotated secrets, nor how to fail with a message.
func TestRunbookAsksForTheSameAzd(t *testing.T) {
	demand := regexp.MustCompile(`azd: '>= ([\d.]+)'`).FindStringSubmatch(read(t, "azure.yaml"))
	if demand == nil || !strings.Contains(read(t, "docs", "runbooks", "deploy.md"), "≥ "+demand[1]) {
		t.Errorf("azure.yaml asks for %v, docs/runbooks/deploy.md for another", demand)
	}
}

// Whoever is woken finds the alert's name in the runbook.
func TestEveryAlertIsExplained(t *testing.T) {
	alerts := regexp.MustCompile(`(?m)^\s*name: '([a-z-]+)'$`).FindAllStringSubmatch(read(t, "infra", "modules", "alerts.bicep"), -1)
	if len(alerts) < 7 {
		t.Fatalf("alerts.bicep has the alerts %v", alerts)
	}
	runbook := read(t, "docs", "runbooks", "alerts.md")
	for _, alert := range alerts {
		if !strings.Contains(runbook, "\n## "+alert[1]+"\n") {
			t.Errorf("docs/runbooks/alerts.md does not explain %s", alert[1])
		}
	}
}
