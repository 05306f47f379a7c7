package infra

import (
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

func workflowFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	return paths
}

func TestWorkflowsAreValid(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := linter.LintFiles(workflowFiles(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// workflow is what these tests read of a workflow.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions    map[string]string `yaml:"permissions"`
		TimeoutMinutes int               `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses string         `yaml:"uses"`
			Run  string         `yaml:"run"`
			With map[string]any `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	found := map[string]workflow{}
	for _, path := range workflowFiles(t) {
		var w workflow
		if err := yaml.Unmarshal([]byte(read(t, strings.TrimPrefix(path, root))), &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found[filepath.Base(path)] = w
	}
	return found
}

// A tag can be moved to other code; a commit cannot.
func TestActionsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^\s*(- )?uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){0,2}$`)
	commits := map[string]string{}
	for _, path := range workflowFiles(t) {
		for number, line := range strings.Split(read(t, strings.TrimPrefix(path, root)), "\n") {
			if !strings.Contains(line, "uses:") {
				continue
			}
			if !pinned.MatchString(line) {
				t.Errorf("%s:%d: %s", path, number+1, strings.TrimSpace(line))
				continue
			}
			action, commit, _ := strings.Cut(line[strings.Index(line, "uses: ")+len("uses: "):], "@")
			if other, ok := commits[action]; ok && other != commit {
				t.Errorf("%s:%d: %s has another commit elsewhere", path, number+1, action)
			}
			commits[action] = commit
		}
	}
	if len(commits) == 0 {
		t.Error("no action is used")
	}
}

// Nothing is permitted but what a job asks for, and only jobs that sign in to
// Azure may ask for a token.
func TestPermissions(t *testing.T) {
	for name, w := range workflows(t) {
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: the workflow's permissions are %v, want {}", name, w.Permissions)
		}
		for job, j := range w.Jobs {
			if j.Permissions == nil {
				t.Errorf("%s: job %s states no permissions", name, job)
			}
			for scope, access := range j.Permissions {
				if scope == "contents" && access == "read" || scope == "id-token" && access == "write" && name == "deploy.yml" && job != "package" {
					continue
				}
				t.Errorf("%s: job %s has %s: %s", name, job, scope, access)
			}
			if j.TimeoutMinutes == 0 {
				t.Errorf("%s: job %s may run for six hours", name, job)
			}
			for _, step := range j.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: job %s leaves its token in the checkout", name, job)
				}
			}
		}
	}
}

// The browser tests write screenshots there, which are to be looked at.
func TestResultsOfTestsAreKept(t *testing.T) {
	for _, step := range workflows(t)["ci.yml"].Jobs["check"].Steps {
		if strings.HasPrefix(step.Uses, "actions/upload-artifact@") && step.With["path"] == "artifacts/" {
			return
		}
	}
	t.Error("ci.yml does not keep artifacts/")
}

func TestNoSecretsAreStored(t *testing.T) {
	for _, path := range workflowFiles(t) {
		if strings.Contains(read(t, strings.TrimPrefix(path, root)), "secrets.") {
			t.Errorf("%s reads a stored secret; the sign-in is by OIDC", path)
		}
	}
}

var makeTarget = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)

// What workflows, azure.yaml and the editor call exists.
func TestMakeTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	paths := []string{"azure.yaml", ".vscode/tasks.json"}
	for _, path := range workflowFiles(t) {
		paths = append(paths, strings.TrimPrefix(path, root))
	}
	for _, path := range paths {
		for _, call := range makeTarget.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(makefile, "\n"+call[1]+":") {
				t.Errorf("%s calls make %s, which does not exist", path, call[1])
			}
		}
	}
	for _, target := range []string{"make lint", "make test", "make package"} {
		if !strings.Contains(read(t, ".github", "workflows", "ci.yml"), "run: "+target+"\n") {
			t.Errorf("ci.yml does not run %s", target)
		}
	}
}

// azd finds the app by its tag, packages dist/ after building it, and knows the
// language only behind a flag.
func TestAzureYAML(t *testing.T) {
	type hooks struct {
		POSIX struct {
			Run string `yaml:"run"`
		} `yaml:"posix"`
	}
	var project struct {
		Services map[string]struct {
			Project  string           `yaml:"project"`
			Host     string           `yaml:"host"`
			Language string           `yaml:"language"`
			Dist     string           `yaml:"dist"`
			Hooks    map[string]hooks `yaml:"hooks"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "azure.yaml")), &project); err != nil {
		t.Fatal(err)
	}
	service, ok := project.Services["handler"]
	if !ok || len(project.Services) != 1 {
		t.Fatalf("azure.yaml has the services %v", sortedKeys(project.Services))
	}
	if service.Host != "function" || service.Language != "custom" || service.Dist != "dist" || service.Project != "." {
		t.Errorf("service handler is %+v", service)
	}
	if service.Hooks["prepackage"].POSIX.Run != "make package" {
		t.Error("azd would package a dist/ that nothing built")
	}
	files := parse(t)
	if got := files["main.bicep"].modules["app"].body.object().properties()["params"].properties()["serviceName"].Text; got != "'handler'" {
		t.Errorf("the app is tagged with the service %s", got)
	}
	if !strings.Contains(files["modules/app.bicep"].tree.Text, "'azd-service-name': serviceName") {
		t.Error("the app has no azd-service-name tag")
	}
	if !strings.Contains(read(t, ".github", "workflows", "deploy.yml"), "AZD_ALPHA_ENABLE_LANGUAGE_CUSTOM: 'true'") {
		t.Error("azd does not know the language in deploy.yml without its flag")
	}
}

func TestEditorFilesAreJSON(t *testing.T) {
	for _, name := range []string{"tasks.json", "launch.json", "settings.json", "extensions.json"} {
		readJSON[map[string]any](t, filepath.Join(root, ".vscode", name))
	}
	readJSON[map[string]any](t, "bicepconfig.json")
	readJSON[map[string]any](t, filepath.Join("modules", "workbook.json"))
}
