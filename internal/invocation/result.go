package invocation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
)

// Result is what a function that has no HTTP trigger answers. The zero value
// says that the invocation succeeded and has nothing to tell.
//
// The host takes outputs from 2xx answers only; a function that fails
// answers with another status, and needs no Result.
type Result struct {
	// Outputs holds what goes to the output bindings, by the name of the
	// binding; each object becomes one message. A binding without objects is
	// left out.
	Outputs map[string][]Object
	// ReturnValue is shown in the host's records of the invocation. nil: none.
	ReturnValue any
}

// Object is a JSON object for an output binding. The host decodes an output
// that is a string and happens to be valid base64, so text such as "test" would
// arrive as three other bytes: only objects arrive as they were sent, strings
// inside them included. The zero value is {}.
type Object struct {
	encoded []byte
}

// errNoObject is returned for values that encoding/json writes as anything else.
var errNoObject = errors.New("an output must be a JSON object")

// NewObject encodes value, which must be something that encoding/json writes as
// an object: a struct, a map, a json.Marshaler.
func NewObject(value any) (Object, error) {
	encoded, err := encode(value)
	if err != nil {
		return Object{}, fmt.Errorf("encoding an output: %w", err)
	}
	if encoded[0] != '{' {
		return Object{}, errNoObject
	}
	return Object{encoded: encoded}, nil
}

// Objects encodes values one by one, as NewObject does. No values give none.
func Objects[T any](values []T) ([]Object, error) {
	objects := make([]Object, 0, len(values))
	for _, value := range values {
		object, err := NewObject(value)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// bytes returns the object's JSON.
func (o Object) bytes() []byte {
	if o.encoded == nil {
		return []byte("{}")
	}
	return o.encoded
}

// Write answers an invocation with status 200 and r. The body is always a JSON
// object: on an empty one, on status 204 and on null the host waits until
// functionTimeout, and then kills the process with everything else that it is
// doing. Where r cannot be encoded nothing has been written, and the caller can
// still answer with an error.
func (r Result) Write(w http.ResponseWriter) error {
	pieces, err := r.pieces()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if _, err := pieces.WriteTo(w); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// pieces returns the body in pieces, so that outputs, which may be as large as
// the batch, are not copied once more.
func (r Result) pieces() (net.Buffers, error) {
	rest := struct {
		ReturnValue any `json:",omitempty"`
	}{r.ReturnValue}
	encoded, err := encode(rest)
	if err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	outputs := r.outputs()
	if len(outputs) == 0 {
		return net.Buffers{encoded}, nil
	}
	separator := []byte(`,"Outputs":{`)
	if len(encoded) == len("{}") {
		separator = separator[1:]
	}
	return slices.Concat(net.Buffers{encoded[:len(encoded)-1], separator}, outputs, net.Buffers{[]byte("}}")}), nil
}

// outputs returns the members of Outputs, in the order of their names.
func (r Result) outputs() net.Buffers {
	var pieces net.Buffers
	for _, binding := range slices.Sorted(maps.Keys(r.Outputs)) {
		objects := r.Outputs[binding]
		if len(objects) == 0 {
			continue
		}
		name, _ := encode(binding) // text always has a JSON form
		if len(pieces) > 0 {
			pieces = append(pieces, []byte(","))
		}
		pieces = append(pieces, name, []byte(":["), objects[0].bytes())
		for _, object := range objects[1:] {
			pieces = append(pieces, []byte(","), object.bytes())
		}
		pieces = append(pieces, []byte("]"))
	}
	return pieces
}

// encode returns value as JSON with <, > and & as they are: escaping them is
// for HTML, and makes of one character six.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
