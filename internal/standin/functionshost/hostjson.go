package functionshost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// What the host takes where host.json is silent.
const (
	defaultInitializationTimeout = 30 * time.Second
	defaultFunctionTimeout       = 30 * time.Minute // 5 minutes on the Consumption plan
	defaultRoutePrefix           = "api"
	defaultMaxMessageBatchSize   = 1000
	unlimitedTimeout             = "-1"
)

// handlerName is what defaultExecutablePath must equal. Core Tools gives mode
// 0777 only to the zip entry that is equal to it, so "./handler" would arrive
// without the right to run.
const handlerName = "handler"

// bundleID is the extension bundle that brings the Service Bus extension.
const bundleID = "Microsoft.Azure.Functions.ExtensionBundle"

// hostFile is host.json, as far as the stand-in heeds it.
type hostFile struct {
	Version         string `json:"version"`
	FunctionTimeout string `json:"functionTimeout"`
	ExtensionBundle *struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	} `json:"extensionBundle"`
	CustomHandler *struct {
		Description *struct {
			DefaultExecutablePath string   `json:"defaultExecutablePath"`
			WorkingDirectory      string   `json:"workingDirectory"`
			Arguments             []string `json:"arguments"`
		} `json:"description"`
		EnableForwardingHTTPRequest bool            `json:"enableForwardingHttpRequest"`
		EnableProxyingHTTPRequest   bool            `json:"enableProxyingHttpRequest"`
		InitializationTimeout       string          `json:"initializationTimeout"`
		HTTP                        json.RawMessage `json:"http"`
	} `json:"customHandler"`
	Extensions struct {
		HTTP struct {
			RoutePrefix *string `json:"routePrefix"`
		} `json:"http"`
		ServiceBus struct {
			MaxMessageBatchSize *int `json:"maxMessageBatchSize"`
			MinMessageBatchSize *int `json:"minMessageBatchSize"`
		} `json:"serviceBus"`
	} `json:"extensions"`
}

// hostConfig is what host.json comes to.
type hostConfig struct {
	executable            string
	workingDirectory      string
	arguments             []string
	forwarding, proxying  bool
	initializationTimeout time.Duration
	functionTimeout       time.Duration // 0: none
	routePrefix           string
	maxMessageBatchSize   int
	hasBundle             bool
}

// loadHostConfig reads host.json of the script root dir. The error names every
// problem there is.
func loadHostConfig(dir string) (hostConfig, error) {
	text, err := os.ReadFile(filepath.Join(dir, "host.json"))
	if err != nil {
		return hostConfig{}, fmt.Errorf("host.json: %w", err)
	}
	var file hostFile
	if err := json.Unmarshal(text, &file); err != nil {
		return hostConfig{}, fmt.Errorf("host.json: %w", err)
	}
	config, err := file.config(dir)
	if err != nil {
		return hostConfig{}, fmt.Errorf("host.json: %w", err)
	}
	return config, nil
}

func (f *hostFile) config(dir string) (hostConfig, error) {
	config := hostConfig{
		routePrefix:         defaultRoutePrefix,
		maxMessageBatchSize: defaultMaxMessageBatchSize,
		hasBundle:           f.ExtensionBundle != nil && f.ExtensionBundle.ID == bundleID && f.ExtensionBundle.Version != "",
	}
	var problems []error
	if f.Version != "2.0" {
		problems = append(problems, fmt.Errorf(`"version" must be "2.0", not %q`, f.Version))
	}
	if prefix := f.Extensions.HTTP.RoutePrefix; prefix != nil {
		config.routePrefix = strings.Trim(*prefix, "/")
	}
	problems = append(problems, config.takeTimeouts(f), config.takeBatchSize(f), config.takeHandler(f, dir))
	return config, errors.Join(problems...)
}

func (c *hostConfig) takeTimeouts(f *hostFile) error {
	c.initializationTimeout, c.functionTimeout = defaultInitializationTimeout, defaultFunctionTimeout
	var problems []error
	switch f.FunctionTimeout {
	case "":
	case unlimitedTimeout:
		c.functionTimeout = 0
	default:
		timeout, err := parseTimeSpan(f.FunctionTimeout)
		if err != nil {
			problems = append(problems, fmt.Errorf(`"functionTimeout": %w`, err))
		}
		c.functionTimeout = timeout
	}
	if f.CustomHandler != nil && f.CustomHandler.InitializationTimeout != "" {
		timeout, err := parseTimeSpan(f.CustomHandler.InitializationTimeout)
		if err != nil {
			problems = append(problems, fmt.Errorf(`"customHandler.initializationTimeout": %w`, err))
		}
		c.initializationTimeout = timeout
	}
	return errors.Join(problems...)
}

func (c *hostConfig) takeBatchSize(f *hostFile) error {
	given := f.Extensions.ServiceBus
	if given.MinMessageBatchSize != nil && *given.MinMessageBatchSize > 1 {
		return errors.New(`"extensions.serviceBus.minMessageBatchSize" above 1 is not offered by this stand-in`)
	}
	if given.MaxMessageBatchSize == nil {
		return nil
	}
	if *given.MaxMessageBatchSize < 1 {
		return errors.New(`"extensions.serviceBus.maxMessageBatchSize" must be at least 1`)
	}
	c.maxMessageBatchSize = *given.MaxMessageBatchSize
	return nil
}

func (c *hostConfig) takeHandler(f *hostFile, dir string) error {
	if f.CustomHandler == nil || f.CustomHandler.Description == nil {
		return errors.New(`"customHandler.description" is missing, so the host would look for a language worker`)
	}
	if len(f.CustomHandler.HTTP) > 0 {
		return errors.New(`"customHandler.http" and function.json files exclude each other`)
	}
	description := f.CustomHandler.Description
	if description.DefaultExecutablePath != handlerName {
		return fmt.Errorf(`"customHandler.description.defaultExecutablePath" must be %q, not %q: only a file equal to it is made executable by the upload`,
			handlerName, description.DefaultExecutablePath)
	}
	c.forwarding, c.proxying = f.CustomHandler.EnableForwardingHTTPRequest, f.CustomHandler.EnableProxyingHTTPRequest
	c.arguments = description.Arguments
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the script root: %w", err)
	}
	c.executable = filepath.Join(root, handlerName)
	c.workingDirectory = root
	if given := description.WorkingDirectory; given != "" {
		c.workingDirectory = given
		if !filepath.IsAbs(given) {
			c.workingDirectory = filepath.Join(root, given)
		}
	}
	return checkExecutable(c.executable)
}

func checkExecutable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the handler is missing: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the handler %s is not a file", path)
	}
	if runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		return fmt.Errorf("the handler %s has no exec bit (mode %s)", path, info.Mode())
	}
	return nil
}
