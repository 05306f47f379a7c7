package functionshost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// script is a script root: what Azure would run.
type script struct {
	host      hostConfig
	functions []function
}

// loadScript reads the script root dir as the host does: host.json, and
// function.json of the direct children only. env are the app settings. The error
// names every problem there is.
func loadScript(dir string, env settings) (*script, error) {
	host, hostErr := loadHostConfig(dir)
	functions, err := loadFunctions(dir, env)
	problems := []error{hostErr, err}
	if hostErr == nil {
		for i := range functions {
			if err := host.allows(&functions[i], env); err != nil {
				problems = append(problems, fmt.Errorf("function %s: %w", functions[i].name, err))
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("reading the script root: %w", err)
	}
	return &script{host: host, functions: functions}, nil
}

func loadFunctions(dir string, env settings) ([]function, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing functions: %w", err)
	}
	var functions []function
	var problems []error
	seen := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name(), "function.json"))
		if err != nil {
			continue // not a function's folder; deeper ones are not looked for
		}
		key := strings.ToLower(entry.Name())
		if other, taken := seen[key]; taken {
			problems = append(problems, fmt.Errorf("functions %s and %s differ in case only", other, entry.Name()))
		}
		seen[key] = entry.Name()
		parsed, disabled, err := parseFunction(entry.Name(), text)
		if err != nil {
			problems = append(problems, fmt.Errorf("function %s: %w", entry.Name(), err))
		} else if !disabled && !env.isTrue("AzureWebJobs."+entry.Name()+".Disabled") {
			functions = append(functions, parsed)
		}
	}
	if len(functions) == 0 && len(problems) == 0 {
		problems = append(problems, fmt.Errorf("no function found: %s has no <Name>/function.json (deeper folders are not searched)", dir))
	}
	return functions, errors.Join(problems...)
}

// find returns the function of a name in any letter case, or nil.
func (s *script) find(name string) *function {
	for i := range s.functions {
		if strings.EqualFold(s.functions[i].name, name) {
			return &s.functions[i]
		}
	}
	return nil
}

// allows checks a function against what host.json and the settings provide, and
// resolves the settings that its bindings name.
func (c *hostConfig) allows(f *function, env settings) error {
	if f.trigger.Type == typeHTTPTrigger && (!c.forwarding || !c.proxying) {
		return errors.New("host.json must set enableForwardingHttpRequest and enableProxyingHttpRequest, for older hosts and newer ones to pass requests through")
	}
	if f.trigger.Type == typeTimerTrigger {
		parsed, err := parseSchedule(f.trigger.Schedule, env)
		if err != nil {
			return err
		}
		f.schedule = parsed
	}
	for _, b := range f.queueBindings() {
		if !c.hasBundle {
			return fmt.Errorf("a Service Bus binding needs extensionBundle %s with a version in host.json", bundleID)
		}
		if err := b.resolve(env); err != nil {
			return err
		}
	}
	return nil
}

// queueBindings returns the bindings to Service Bus.
func (f *function) queueBindings() []*binding {
	var bound []*binding
	if f.trigger.Type == typeServiceBusTrigger {
		bound = append(bound, &f.trigger)
	}
	for i := range f.outputs {
		bound = append(bound, &f.outputs[i])
	}
	return bound
}

// resolve takes a queue's name from the settings where it is one of theirs, and
// checks the connection.
func (b *binding) resolve(env settings) error {
	queue, err := env.expand(b.QueueName)
	if err != nil {
		return fmt.Errorf("queue of %q: %w", b.Name, err)
	}
	b.QueueName = queue
	connection := b.Connection
	if connection == "" {
		connection = "AzureWebJobsServiceBus"
	}
	namespace := connection + "__fullyQualifiedNamespace"
	switch {
	case env[connection] != "" && env[namespace] != "":
		return fmt.Errorf("connection of %q: while setting %s is set, %s is not read", b.Name, connection, namespace)
	case env[connection] == "" && env[namespace] == "":
		return fmt.Errorf("connection of %q: setting %s is missing", b.Name, namespace)
	}
	return nil
}

// settings are app settings by name.
type settings map[string]string

// newSettings reads settings of the form name=value; later ones win.
func newSettings(environ []string) settings {
	read := settings{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		read[name] = value
	}
	return read
}

// expand returns the value of a setting that is written %so%, and any other text
// as it is.
func (s settings) expand(text string) (string, error) {
	name, ok := strings.CutPrefix(text, "%")
	if !ok || !strings.HasSuffix(name, "%") {
		return text, nil
	}
	name = strings.TrimSuffix(name, "%")
	if s[name] == "" {
		return "", fmt.Errorf("setting %s is missing", name)
	}
	return s[name], nil
}

func (s settings) isTrue(name string) bool {
	return strings.EqualFold(s[name], "true") || s[name] == "1"
}
