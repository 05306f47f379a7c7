package backend_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/backend"
)

// arrived returns the names of the headers that reach the back end, of those that
// the bot sends.
func arrived(t *testing.T, names []string) []string {
	t.Helper()
	const sent = "sent by the bot"
	var got []string
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if slices.Contains(values, sent) {
				got = append(got, name)
			}
		}
	})
	header := http.Header{}
	for _, name := range names {
		header.Set(name, sent)
	}
	if _, err := forward(t, base, backend.Request{Path: "x", Header: header}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestHeadersThatSayWhatTheBotWantsArrive(t *testing.T) {
	wanted := []string{
		"Accept", "Accept-Charset", "Accept-Language", "Content-Type", "Content-Language", "Content-Encoding", "Content-Digest", "Cache-Control",
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Idempotency-Key", "X-Idempotency-Key", "Prefer", "User-Agent",
		"Traceparent", "Tracestate", "Request-Id", "X-Request-Id", "X-Correlation-Id", "X-B3-Traceid", "Soapaction", "Odata-Version", "Api-Version",
		// The client's own.
		"X-Channel", "X-Bank-Branch", "X-Fapi-Interaction-Id", "X-Api-Version", "X-Requested-With", "X-Country", "X-Device-Type", "X-Tenant-Id",
	}
	got := arrived(t, wanted)
	for _, name := range wanted {
		if !slices.Contains(got, name) {
			t.Errorf("%s does not arrive", name)
		}
	}
}

func TestHeadersThatSayWhoCallsDoNotArrive(t *testing.T) {
	families := strings.Fields(`
		Authorization Proxy-Authorization X-Authorization Cookie Cookie2 X-Login-Token X-Conversation-Id X-Functions-Key X-Api-Key Api-Key
		Ocp-Apim-Subscription-Key Ocp-Apim-Trace X-Auth-Token X-Access-Token X-Amz-Security-Token X-Csrf-Token DPoP Signature
		Remote-User Remote_User X-Remote-User X_Remote_User X-REMOTE_USER X.Remote.User X-Remote-Groups X-User X-User-Id X-Username X-WEBAUTH-USER Auth-User
		X-Auth-Request-User X-Auth-Request-Email X-Authenticated-User X-Authenticated-Userid X-Forwarded-User X-Forwarded-Access-Token
		X-Forwarded-Client-Cert Client-Cert Client-Cert-Chain X-Client-Cert X-Client-Dn X-Client-Verify X-Arr-Clientcert X-SSL-Cert
		X-SSL-Client-Cert X-SSL-Client-S-Dn X-SSL-Client-Verify SSL-Client-Cert X-Tls-Client-Cert X-Subject-Dn X-Ssl
		X-MS-CLIENT-PRINCIPAL X-MS-CLIENT-PRINCIPAL-ID X-MS-CLIENT-PRINCIPAL-NAME X-MS-TOKEN-AAD-ACCESS-TOKEN X-MS-CLIENT-PRINCIPAL-IDP
		X-Amzn-Oidc-Data X-Amzn-Oidc-Identity X-Amzn-Mtls-Clientcert X-Amzn-Trace-Id X-Goog-Authenticated-User-Email X-Goog-Iap-Jwt-Assertion
		X-Endpoint-API-UserInfo X-Apigateway-Api-Userinfo X-Consumer-Username X-Consumer-Custom-Id X-Consumer-Groups X-Credential-Identifier
		X-Anonymous-Consumer X-Jwt-Assertion X-Jwt-Claim-Sub X-Role X-Roles X-Admin X-Impersonate-User X-On-Behalf-Of X-Saml-Subject X-Sso-Login
		X-IBM-Client-Id X-IBM-Client-Secret X-Envoy-Peer-Metadata X-Envoy-External-Address X-Envoy-Original-Path X-Istio-Attributes
		From X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Prefix X-Forwarded X_Forwarded_For Forwarded Via X-Via
		X-Real-IP Client-IP X-Client-IP X-Cluster-Client-IP True-Client-IP CF-Connecting-IP CF-Ray CF-Access-Jwt-Assertion Cdn-Loop Fastly-Client-IP
		Fly-Client-IP X-Appengine-User-Ip X-Fapi-Customer-Ip-Address X-Remote-Addr X-Azure-ClientIP X-Azure-SocketIP X-Azure-FDID X-Azure-Ref
		X-Original-URL X_Original_Url X-Original-Host X-Rewrite-URL X-Host X-Url X-Uri X-Path X-Scheme X-Http-Method-Override X-Method-Override
		X-Arr-Log-Id X-Arr-Ssl X-Site-Deployment-Id X-Waws-Unencoded-Url X-Appservice-Proto Was-Default-Hostname Disguised-Host Max-Forwards
		Host Origin Referer Sec-Fetch-Mode Te Trailer Upgrade Expect Keep-Alive Proxy Proxy-Connection Accept-Encoding Range If-Range Baggage Unknown`)
	if got := arrived(t, families); len(got) > 0 {
		t.Errorf("these arrive: %v", got)
	}
}
