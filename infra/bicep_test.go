package infra

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the project's folder.
const root = ".."

// node is a named node of a syntax tree.
type node struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Text     string `json:"text"`
	Children []node `json:"children"`
}

// file is one Bicep file and what it declares, by name.
type file struct {
	name      string
	tree      node
	params    map[string]param
	outputs   map[string]node
	resources map[string]resource
	modules   map[string]module
	variables map[string]node
	functions map[string]node
	types     map[string]node
	imports   map[string]node
}

// param is a parameter. The zero value is one that callers must give.
type param struct {
	line       int
	optional   bool
	fallback   string
	decorators string
}

// resource is a resource of a file, nested ones included.
type resource struct {
	symbol   string
	kind     string // such as Microsoft.KeyVault/vaults@2024-11-01
	existing bool
	parent   string // symbol that it is nested in
	body     node
	text     string
}

// module is the use of another file.
type module struct {
	path string
	body node
}

// parse reads every Bicep file once a run.
func parse(t *testing.T) map[string]file {
	t.Helper()
	files, err := parsedOnce()
	if err != nil {
		t.Fatalf("parsing the Bicep files (make deps installs the parser): %v", err)
	}
	return files
}

var parsedOnce = sync.OnceValues(func() (map[string]file, error) {
	names, err := filepath.Glob("*.bicep")
	if err != nil {
		return nil, err
	}
	modules, err := filepath.Glob("modules/*.bicep")
	if err != nil {
		return nil, err
	}
	output, err := run("node", append([]string{"syntax.mjs"}, append(names, modules...)...)...)
	if err != nil {
		return nil, err
	}
	var trees []struct {
		File string `json:"file"`
		Tree node   `json:"tree"`
	}
	if err := json.Unmarshal(output, &trees); err != nil {
		return nil, err
	}
	files := map[string]file{}
	for _, tree := range trees {
		files[tree.File] = describe(tree.File, tree.Tree)
	}
	return files, nil
})

func run(command string, arguments ...string) ([]byte, error) {
	process := exec.Command(command, arguments...)
	process.Stderr = os.Stderr
	return process.Output()
}

func describe(name string, tree node) file {
	f := file{
		name: name, tree: tree,
		params: map[string]param{}, outputs: map[string]node{}, resources: map[string]resource{}, modules: map[string]module{},
		variables: map[string]node{}, functions: map[string]node{}, types: map[string]node{}, imports: map[string]node{},
	}
	decorators := ""
	for _, child := range tree.Children {
		switch child.Type {
		case "decorators":
			decorators = child.Text
			continue
		case "parameter_declaration":
			f.params[child.Children[0].Text] = describeParam(child, decorators)
		case "output_declaration":
			f.outputs[child.Children[0].Text] = child
		case "variable_declaration":
			f.variables[child.Children[0].Text] = child
		case "user_defined_function":
			f.functions[child.Children[0].Text] = child
		case "type_declaration":
			f.types[child.Children[0].Text] = child
		case "import_functionality":
			for _, name := range child.all("identifier") {
				f.imports[name.Text] = child
			}
		case "resource_declaration":
			f.addResource(child, "")
		case "module_declaration":
			f.modules[child.Children[0].Text] = module{path: unquote(child.Children[1].Text), body: child}
		}
		decorators = ""
	}
	return f
}

func describeParam(declaration node, decorators string) param {
	p := param{line: declaration.Line, decorators: decorators}
	if len(declaration.Children) > 2 {
		p.optional, p.fallback = true, declaration.Children[2].Text
	}
	return p
}

func (f *file) addResource(declaration node, parent string) {
	r := resource{
		symbol: declaration.Children[0].Text, kind: unquote(declaration.Children[1].Text), parent: parent,
		body: declaration, text: declaration.Text,
	}
	header, _, _ := strings.Cut(declaration.Text, "{")
	r.existing = strings.Contains(header, " existing ")
	if parent != "" && !strings.HasPrefix(r.kind, "Microsoft.") {
		r.kind = strings.Split(f.resources[parent].kind, "@")[0] + "/" + r.kind
	}
	f.resources[r.symbol] = r
	for _, property := range declaration.all("object_property") {
		if len(property.Children) == 1 && property.Children[0].Type == "resource_declaration" {
			if _, known := f.resources[property.Children[0].Children[0].Text]; !known {
				f.addResource(property.Children[0], r.symbol)
			}
		}
	}
}

// all lists the nodes of a type below, outermost first.
func (n node) all(kind string) []node {
	var found []node
	for _, child := range n.Children {
		if child.Type == kind {
			found = append(found, child)
		}
		found = append(found, child.all(kind)...)
	}
	return found
}

// object is the first object at or below a node: the body of a declaration.
func (n node) object() node {
	if n.Type == "object" {
		return n
	}
	if objects := n.all("object"); len(objects) > 0 {
		return objects[0]
	}
	return node{}
}

// properties are the properties of an object itself, by name, in order of keys.
func (n node) properties() map[string]node {
	found := map[string]node{}
	for _, child := range n.Children {
		if child.Type == "object_property" && len(child.Children) > 1 {
			found[unquote(child.Children[0].Text)] = child.Children[1]
		}
	}
	return found
}

func unquote(text string) string {
	return strings.Trim(text, "'")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
