package handlers

import (
	"net/http"
	"testing"
)

func TestTheClientIsTheLastHopThatCanBeBelieved(t *testing.T) {
	const door = "0f0e0d0c-0b0a-0908-0706-050403020100"
	for name, test := range map[string]struct {
		header http.Header
		door   string
		want   string
	}{
		"Azure appends ip:port":                 {header: forwarded("203.0.113.7:51234"), want: "203.0.113.7"},
		"only the last entry counts":            {header: forwarded("198.51.100.1, 203.0.113.7:51234"), want: "203.0.113.7"},
		"the last header line counts":           {header: forwarded("198.51.100.1", "203.0.113.7:51234"), want: "203.0.113.7"},
		"no port":                               {header: forwarded("203.0.113.7"), want: "203.0.113.7"},
		"IPv6 by its /64, in brackets":          {header: forwarded("[2001:db8:1:2:3:4:5:6]:443"), want: "2001:db8:1:2::/64"},
		"the same /64 is the same client":       {header: forwarded("2001:db8:1:2:ffff::1"), want: "2001:db8:1:2::/64"},
		"IPv4 in IPv6":                          {header: forwarded("::ffff:203.0.113.7"), want: "203.0.113.7"},
		"a zone is left out":                    {header: forwarded("fe80::1%eth0"), want: "fe80::/64"},
		"brackets without a port":               {header: forwarded("[2001:db8::1]"), want: "2001:db8::/64"},
		"no header":                             {header: http.Header{}, want: unknownClient},
		"rubbish last: earlier ones are lies":   {header: forwarded("203.0.113.7, rubbish"), want: unknownClient},
		"empty last entry":                      {header: forwarded("203.0.113.7,"), want: unknownClient},
		"unclosed bracket":                      {header: forwarded("[2001:db8::1"), want: unknownClient},
		"our Front Door":                        {header: behind(door, "192.0.2.9"), door: door, want: "192.0.2.9"},
		"our Front Door, ids ignore case":       {header: behind("0F0E0D0C-0B0A-0908-0706-050403020100", "192.0.2.9"), door: door, want: "192.0.2.9"},
		"another Front Door is not believed":    {header: behind("ffffffff-0b0a-0908-0706-050403020100", "192.0.2.9"), door: door, want: "203.0.113.7"},
		"no Front Door set: not believed":       {header: behind(door, "192.0.2.9"), want: "203.0.113.7"},
		"Front Door without an address":         {header: behind(door, ""), door: door, want: "203.0.113.7"},
		"an empty id is never our Front Door":   {header: behind("", "192.0.2.9"), want: "203.0.113.7"},
		"X-Real-IP and others count for naught": {header: http.Header{"X-Real-Ip": {"192.0.2.9"}}, want: unknownClient},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (ClientSource{FrontDoorID: test.door}).client(test.header); got != test.want {
				t.Errorf("client = %q, want %q", got, test.want)
			}
		})
	}
}

func forwarded(lines ...string) http.Header {
	return http.Header{"X-Forwarded-For": lines}
}

func behind(id, address string) http.Header {
	header := forwarded("203.0.113.7:51234")
	header.Set("X-Azure-FDID", id)
	header.Set("X-Azure-SocketIP", address)
	return header
}

func FuzzClient(f *testing.F) {
	for _, seed := range []string{"203.0.113.7:51234", "[2001:db8::1]:443", "a, b", "[", "fe80::1%25eth0", ",,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := ClientSource{}.client(forwarded(line))
		if got == "" || len(got) > len("ffff:ffff:ffff:ffff::/64") {
			t.Errorf("client(%q) = %q", line, got)
		}
		if prefixed := (ClientSource{}).client(forwarded("198.51.100.1, " + line)); prefixed != got {
			t.Errorf("an entry put before %q changes the client from %q to %q", line, got, prefixed)
		}
	})
}
