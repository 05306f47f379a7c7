package functionshost

import (
	"fmt"
	"time"

	"chatgate/internal/standin/bus"
)

// envelope builds the body by which the host invokes a function with messages:
// {"Data":{…},"Metadata":{…}}. It fails where the binding fails, before the
// handler hears of it. bare leaves the metadata empty.
func envelope(f *function, messages []bus.Message, now time.Time, bare bool) ([]byte, error) {
	value, err := triggerValue(&f.trigger, messages)
	if err != nil {
		return nil, fmt.Errorf("binding %s: %w", f.trigger.Name, err)
	}
	var metadata []member
	if !bare {
		metadata = allMetadata(f, messages, now)
	}
	return wrap(f.trigger.Name, value, metadata), nil
}

// wrap writes an envelope around the encoded value of a binding.
func wrap(binding string, value []byte, metadata []member) []byte {
	body := append([]byte(`{"Data":{`), appendText(nil, binding)...)
	body = append(append(append(body, ':'), value...), `},"Metadata":`...)
	return append(appendMembers(body, metadata), '}')
}

func allMetadata(f *function, messages []bus.Message, now time.Time) []member {
	// The extension passes its client on, which is of no use to a handler.
	client := member{"Client", []byte(`{"FullyQualifiedNamespace":"local.servicebus.windows.net","IsClosed":false,"TransportType":0}`)}
	if f.trigger.Cardinality == cardinalityMany {
		return append(metadataOf(messages), client, systemMetadata(f.name, now))
	}
	metadata := append(metadataOfOne(&messages[0]), client, systemMetadata(f.name, now))
	if f.trigger.DataType == dataTypeBinary {
		return metadata
	}
	return forge(metadata, messages[0].Body)
}

func appendMembers(dst []byte, members []member) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, m.name), ':')
		dst = append(dst, m.value...)
	}
	return append(dst, '}')
}

// triggerValue writes the value of the trigger's binding. byte[] becomes base64;
// everything else text that holds JSON.
func triggerValue(b *binding, messages []bus.Message) ([]byte, error) {
	if b.Cardinality != cardinalityMany {
		if b.DataType == dataTypeBinary {
			return appendBase64(nil, messages[0].Body), nil
		}
		return appendText(nil, appendText(nil, toText(messages[0].Body))), nil
	}
	list := []byte{'['}
	for i := range messages {
		if i > 0 {
			list = append(list, ',')
		}
		var err error
		if list, err = appendElement(list, b.DataType, messages[i].Body); err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
	}
	return appendText(nil, append(list, ']')), nil
}

func appendElement(list []byte, dataType string, body []byte) ([]byte, error) {
	switch dataType {
	case dataTypeBinary:
		return appendBase64(list, body), nil
	case dataTypeString:
		return appendText(list, toText(body)), nil
	}
	written, err := reparse(body)
	if err != nil {
		return nil, err
	}
	return append(list, written...), nil
}
