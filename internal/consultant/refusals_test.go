package consultant_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// refusal is a token that must be refused. It differs from a good one in what its
// name says.
type refusal struct {
	text string
	// keyWanted: everything but the signature is right, so the tenant may be
	// asked for the key.
	keyWanted bool
}

// refusedClaims are tokens whose claims or headers are wrong, whoever asks and
// whatever good is.
func refusedClaims(t *testing.T, w *world, good token) map[string]token {
	t.Helper()
	now := w.now().Unix()
	return map[string]token{
		"iss not tied to tid":              good.claim("iss", w.issuers+tenantB+"/v2.0"),
		"iss in another letter case":       good.claim("iss", strings.ToUpper(w.issuers+tenantA)+"/v2.0"),
		"iss of version 1":                 good.claim("iss", "https://sts.windows.net/"+tenantA+"/"),
		"iss with a slash":                 good.claim("iss", w.issuers+tenantA+"/v2.0/"),
		"iss of the template":              good.claim("iss", w.issuers+"{tenantid}/v2.0"),
		"no iss":                           good.claim("iss", nil),
		"iss empty":                        good.claim("iss", ""),
		"tenant not listed":                good.claim("tid", stranger).claim("iss", w.issuers+stranger+"/v2.0").by(stranger).head("kid", stranger),
		"no tid":                           good.claim("tid", nil),
		"tid empty":                        good.claim("tid", ""),
		"tid with a space":                 good.claim("tid", tenantA+" "),
		"tid common":                       good.claim("tid", "common").claim("iss", w.issuers+"common/v2.0"),
		"tid a list":                       good.claim("tid", []string{tenantA}),
		"Graph token as access token":      good.claim("aud", "00000003-0000-0000-c000-000000000000"),
		"wrong aud":                        good.claim("aud", pageID),
		"aud the URI of our API":           good.claim("aud", "api://"+audience),
		"aud in capital letters":           good.claim("aud", strings.ToUpper(audience)),
		"aud ours among others":            good.claim("aud", []string{audience, pageID}),
		"no aud":                           good.claim("aud", nil),
		"aud empty":                        good.claim("aud", ""),
		"aud an object":                    good.claim("aud", map[string]string{"is": audience}),
		"no exp":                           good.claim("exp", nil),
		"exp a word":                       good.claim("exp", "never"),
		"nbf in future":                    good.claim("nbf", now+61),
		"nbf in future, expired":           good.claim("nbf", now+61).claim("exp", now-3600),
		"iat in future":                    good.claim("iat", now+61),
		"ver 1.0":                          good.claim("ver", "1.0"),
		"ver 2":                            good.claim("ver", "2"),
		"ver a number":                     good.claim("ver", 2.0),
		"no ver":                           good.claim("ver", nil),
		"no oid":                           good.claim("oid", nil),
		"oid a name":                       good.claim("oid", canary),
		"oid too long":                     good.claim("oid", personID+"0"),
		"oid with a stroke misplaced":      good.claim("oid", "0e6f1c527-b1d-4d6e-a0a4-51f2b3c4d5e6"),
		"oid with a letter beyond f":       good.claim("oid", "0e6f1c52-7b1d-4d6e-a0a4-51f2b3c4d5eg"),
		"oid without strokes":              good.claim("oid", "0e6f1c52a7b1da4d6eaa0a4a51f2b3c4d5e6"),
		"oid with other strokes":           good.claim("oid", strings.ReplaceAll(personID, "-", "/")),
		"bound to a key (cnf)":             good.claim("cnf", map[string]string{"kid": "mine"}),
		"idtyp of a device":                good.claim("idtyp", "device"),
		"idtyp a list":                     good.claim("idtyp", []string{"app", "user"}),
		"roles one text":                   good.claim("roles", "Desk.Read"),
		"roles numbers":                    good.claim("roles", []int{1}),
		"no kid":                           good.head("kid", nil),
		"kid empty":                        good.head("kid", ""),
		"kid a number":                     good.head("kid", 1),
		"jwk header":                       good.by("new").head("jwk", jwk(t, "new")),
		"jku header":                       good.by("new").head("jku", "https://attacker.example/keys"),
		"x5u header":                       good.by("new").head("x5u", "https://attacker.example/certificate"),
		"x5c header":                       good.by("new").head("x5c", []string{"MIIB"}),
		"jwk header and a right signature": good.head("jwk", jwk(t, tenantA)),
		"jku header and a right signature": good.head("jku", "https://attacker.example/keys"),
		"x5u header and a right signature": good.head("x5u", "https://attacker.example/certificate"),
		"x5c header and a right signature": good.head("x5c", nil).head("x5c", []any{}),
		"jku header that is null":          good.head("jku", json.RawMessage("null")),
		"crit header":                      good.head("crit", []string{"b64"}).head("b64", true),
		"alg RS384":                        good.head("alg", "RS384"),
		"alg RS512":                        good.head("alg", "RS512"),
		"alg PS256":                        good.head("alg", "PS256"),
		"alg ES256":                        good.head("alg", "ES256"),
		"alg in other letters":             good.head("alg", "rs256"),
		"alg of nobody":                    good.head("alg", canary),
		"no alg":                           good.head("alg", nil),
		"alg a list":                       good.head("alg", []string{"RS256"}),
	}
}

// refusedTexts are tokens that are wrong as a text, or in their signature.
func refusedTexts(t *testing.T, good token) map[string]refusal {
	t.Helper()
	text := good.text(t)
	parts := strings.Split(text, ".")
	header, claims, signature := parts[0], parts[1], parts[2]
	plainClaims, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		t.Fatal(err)
	}
	object := strings.TrimSuffix(string(plainClaims), "}")
	rs256 := `{"alg":"RS256","kid":"` + tenantA + `"}`
	noisy := good.claim("groups", strings.Repeat("x", 16<<10))
	return map[string]refusal{
		"key of another issuer":            {good.by(tenantB).head("kid", tenantB).text(t), true},
		"key of another under a right kid": {good.by(tenantB).text(t), false},
		"key of nobody":                    {good.by("new").head("kid", "new").text(t), true},
		"alg none":                         {part(`{"alg":"none","kid":"`+tenantA+`"}`) + "." + claims + ".", false},
		"alg none, signed":                 {good.head("alg", "none").text(t), false},
		"alg None":                         {part(`{"alg":"None","kid":"`+tenantA+`"}`) + "." + claims + ".", false},
		"HS256 signed with the public key": {hmacWithPublicKey(t, good), false},
		"no signature":                     {header + "." + claims + ".", false},
		"signature of another token":       {header + "." + claims + "." + strings.Split(good.claim("jti", "x").text(t), ".")[2], false},
		"signature cut":                    {text[:len(text)-4], false},
		"claims changed":                   {header + "." + part(object+`,"jti":"x"}`) + "." + signature, false},
		"claims doubled":                   {signed(t, rs256, object+`,"roles":["Desk.Erase"]}`, tenantA), false},
		"claims null":                      {signed(t, rs256, "null", tenantA), false},
		"claims a list":                    {signed(t, rs256, "["+string(plainClaims)+"]", tenantA), false},
		"claims nested without end":        {signed(t, rs256, strings.Repeat("[", 10001), tenantA), false},
		"claims and more":                  {signed(t, rs256, string(plainClaims)+"{}", tenantA), false},
		"header null":                      {signed(t, "null", string(plainClaims), tenantA), false},
		"header a text":                    {signed(t, `"RS256"`, string(plainClaims), tenantA), false},
		"over 16 KiB":                      {noisy.text(t), false},
		"a line break at the end":          {text + "\n", false},
		"a line break in the signature":    {text[:len(text)-4] + "\r\n" + text[len(text)-4:], false},
		"padded":                           {text + "==", false},
		"a space before":                   {" " + text, false},
		"the word Bearer before":           {"Bearer " + text, false},
		"four parts":                       {text + ".", false},
		"two parts":                        {header + "." + claims, false},
		"only dots":                        {"..", false},
		"empty":                            {"", false},
		"other spelling of the signature":  {otherSpelling(text), false},
	}
}

// hmacWithPublicKey signs with what everybody knows, in the form in which a
// library that lets the token choose would use it.
func hmacWithPublicKey(t *testing.T, good token) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(privateKeys()[tenantA].Public())
	if err != nil {
		t.Fatal(err)
	}
	forged := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(good.claims))
	forged.Header["kid"] = tenantA
	text, err := forged.SignedString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// otherSpelling changes the bits of the last character that mean nothing. A
// signature of 256 bytes leaves four of them.
func otherSpelling(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last^1])
}

func consultantsGood(w *world) token { return w.person(tenantA) }

func botsGood(w *world) token { return w.bot(tenantA) }

// consultantsOwn are refused only where a person is asked for.
func consultantsOwn(w *world) map[string]token {
	good := w.person(tenantA)
	return map[string]token{
		"ID token as access token":            good.claim("scp", nil).claim("azp", nil).claim("azpacr", nil).claim("nonce", "n"),
		"scp empty":                           good.claim("scp", ""),
		"scp blank":                           good.claim("scp", " \t"),
		"scp a list":                          good.claim("scp", []string{"Desk.Access"}),
		"scp in capital letters":              good.claim("scp", nil).claim("SCP", "Desk.Access"),
		"app token on a user route":           w.bot(tenantA).claim("roles", []string{"Desk.Read"}),
		"app token without idtyp":             w.bot(tenantA).claim("idtyp", nil),
		"app token that claims to have scope": w.bot(tenantA).claim("scp", "Desk.Access"),
	}
}

// botsOwn are refused only where a bot is asked for.
func botsOwn(w *world) map[string]token {
	good := w.bot(tenantA)
	return map[string]token{
		"user token on a bot route":      w.person(tenantA).claim("roles", []string{"Login.Broker"}).claim("azpacr", "1"),
		"user token with idtyp":          w.person(tenantA).claim("idtyp", "user").claim("azpacr", "1"),
		"user token without scope":       w.person(tenantA).claim("scp", nil).claim("azpacr", "1"),
		"user token that says it is app": w.person(tenantA).claim("idtyp", "app").claim("azpacr", "1"),
		"idtyp user and no scope":        good.claim("idtyp", "user"),
		"ID token":                       good.claim("azp", nil).claim("azpacr", nil),
		"scp beside idtyp":               good.claim("scp", "Desk.Access"),
		"no idtyp, another's subject":    good.claim("idtyp", nil).claim("sub", personID),
		"no azp":                         good.claim("azp", nil),
		"azp a name":                     good.claim("azp", "my-bot"),
		"public client":                  good.claim("azpacr", "0"),
		"no azpacr":                      good.claim("azpacr", nil),
		"azpacr a number":                good.claim("azpacr", 1),
		"azpacr of tomorrow":             good.claim("azpacr", "11"),
	}
}
