package functionshost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The names that the host allows (ScriptHost and BindingMetadata of
// azure-functions-host).
var (
	functionNamePattern = regexp.MustCompile(`^(?i)[a-z][a-z0-9_\-]{0,127}$`)
	bindingNamePattern  = regexp.MustCompile(`^(?:[a-zA-Z][a-zA-Z0-9]{0,127}|\$return)$`)
)

// Types of bindings that the stand-in knows.
const (
	typeHTTPTrigger       = "httptrigger"
	typeServiceBusTrigger = "servicebustrigger"
	typeTimerTrigger      = "timertrigger"
	typeHTTP              = "http"
	typeServiceBus        = "servicebus"
)

// Data types of a binding; the empty one is the extension's choice.
const (
	dataTypeAny    = ""
	dataTypeString = "string"
	dataTypeBinary = "binary"
)

// Cardinalities of a trigger.
const (
	cardinalityOne  = "one"
	cardinalityMany = "many"
)

// function is one function as its function.json declares it.
type function struct {
	name    string
	trigger binding
	outputs []binding // Service Bus queues
	hasHTTP bool      // an http output

	// Of a timer trigger, once settings and time are known.
	schedule   schedule
	remembered bool // its status is kept
}

// binding is one binding. Which fields count depends on its type.
type binding struct {
	Type      string `json:"type"`
	Direction string `json:"direction"`
	Name      string `json:"name"`
	DataType  string `json:"dataType"`

	AuthLevel string    `json:"authLevel"`
	Methods   *[]string `json:"methods"` // nil: all
	Route     *string   `json:"route"`   // nil: the function's name

	QueueName           string `json:"queueName"`
	Connection          string `json:"connection"`
	Cardinality         string `json:"cardinality"`
	MaxMessageBatchSize *int   `json:"maxMessageBatchSize"`

	Schedule     string `json:"schedule"`
	RunOnStartup bool   `json:"runOnStartup"`
	UseMonitor   *bool  `json:"useMonitor"`
}

// fieldsOf are the fields that a type of binding has besides type, direction and
// name. The real host ignores others, so that a misspelt one is lost in silence;
// here it is an error.
func fieldsOf(bindingType string) (fields []string, known bool) {
	switch bindingType {
	case typeHTTPTrigger:
		return []string{"authLevel", "methods", "route", "dataType"}, true
	case typeServiceBusTrigger:
		return []string{"queueName", "connection", "cardinality", "maxMessageBatchSize", "dataType"}, true
	case typeTimerTrigger:
		return []string{"schedule", "runOnStartup", "useMonitor"}, true
	case typeServiceBus:
		return []string{"queueName", "connection", "dataType"}, true
	case typeHTTP:
		return nil, true
	}
	return nil, false
}

// parseFunction reads a function.json. disabled means that the function is
// declared not to be run. The error names every problem there is.
func parseFunction(name string, text []byte) (parsed function, disabled bool, err error) {
	if !functionNamePattern.MatchString(name) {
		return function{}, false, errors.New("the folder's name is not a function's name: a letter, then up to 127 letters, digits, _ and -")
	}
	var file struct {
		Bindings []json.RawMessage `json:"bindings"`
		Disabled bool              `json:"disabled"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return function{}, false, fmt.Errorf("function.json: %w", err)
	}
	bindings, err := parseBindings(file.Bindings)
	if err != nil {
		return function{}, false, err
	}
	parsed, err = assemble(name, bindings)
	return parsed, file.Disabled, err
}

func parseBindings(raw []json.RawMessage) ([]binding, error) {
	var bindings []binding
	var problems []error
	for i, text := range raw {
		parsed, err := parseBinding(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("binding %d: %w", i, err))
			continue
		}
		same := func(other binding) bool { return strings.EqualFold(other.Name, parsed.Name) }
		if slices.ContainsFunc(bindings, same) {
			problems = append(problems, fmt.Errorf("binding %d: the name %q is taken", i, parsed.Name))
		}
		bindings = append(bindings, parsed)
	}
	return bindings, errors.Join(problems...)
}

func parseBinding(text []byte) (binding, error) {
	var parsed binding
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&parsed); err != nil {
		return binding{}, fmt.Errorf("reading it: %w", err)
	}
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &given); err != nil {
		return binding{}, fmt.Errorf("reading it: %w", err)
	}
	declared := parsed.Type
	parsed.Type = strings.ToLower(parsed.Type)
	fields, known := fieldsOf(parsed.Type)
	if !known {
		return binding{}, fmt.Errorf("type %q is not offered by this stand-in", declared)
	}
	for field := range given {
		if !slices.Contains([]string{"type", "direction", "name"}, field) && !slices.Contains(fields, field) {
			return binding{}, fmt.Errorf("a %s has no %q", declared, field)
		}
	}
	return parsed, parsed.check()
}

// check brings the values into lower case and says what is wrong with them.
func (b *binding) check() error {
	b.Direction, b.DataType = strings.ToLower(b.Direction), strings.ToLower(b.DataType)
	b.Cardinality, b.AuthLevel = strings.ToLower(b.Cardinality), strings.ToLower(b.AuthLevel)
	want := "out"
	if b.isTrigger() {
		want = "in"
	}
	switch {
	case !bindingNamePattern.MatchString(b.Name):
		return fmt.Errorf("%q is not a binding's name: a letter, then up to 127 letters and digits, or $return", b.Name)
	case b.Direction != want:
		return fmt.Errorf("direction of %q must be %q, not %q", b.Name, want, b.Direction)
	case !slices.Contains([]string{dataTypeAny, dataTypeString, dataTypeBinary}, b.DataType):
		return fmt.Errorf("dataType %q is not offered by this stand-in", b.DataType)
	case (b.Type == typeServiceBusTrigger || b.Type == typeServiceBus) && b.QueueName == "":
		return fmt.Errorf("%q names no queue", b.Name)
	case b.Type == typeTimerTrigger && b.Schedule == "":
		return fmt.Errorf("%q has no schedule", b.Name)
	}
	return b.checkTrigger()
}

func (b *binding) checkTrigger() error {
	switch {
	case !slices.Contains([]string{"", cardinalityOne, cardinalityMany}, b.Cardinality):
		return fmt.Errorf("cardinality must be one or many, not %q", b.Cardinality)
	case !slices.Contains([]string{"", "anonymous", "function", "admin"}, b.AuthLevel):
		return fmt.Errorf("authLevel must be anonymous, function or admin, not %q", b.AuthLevel)
	case b.MaxMessageBatchSize != nil && *b.MaxMessageBatchSize < 1:
		return errors.New("maxMessageBatchSize must be at least 1")
	}
	return nil
}

func (b *binding) isTrigger() bool {
	return strings.HasSuffix(b.Type, "trigger")
}

// assemble makes a function of its bindings.
func assemble(name string, bindings []binding) (function, error) {
	assembled := function{name: name}
	triggers := 0
	for _, b := range bindings {
		switch {
		case b.isTrigger():
			triggers++
			assembled.trigger = b
		case b.Type == typeHTTP:
			assembled.hasHTTP = true
		default:
			assembled.outputs = append(assembled.outputs, b)
		}
	}
	if triggers != 1 {
		return function{}, fmt.Errorf("a function has exactly one trigger, this one has %d", triggers)
	}
	isHTTP := assembled.trigger.Type == typeHTTPTrigger
	if isHTTP != assembled.hasHTTP || (isHTTP && len(bindings) != 2) {
		return function{}, errors.New("the host passes requests through only where an httpTrigger and an http output are the only bindings")
	}
	return assembled, nil
}
