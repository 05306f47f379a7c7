metadata description = 'The shape of an assistant, and what can be checked of a parameter before anything is deployed.'

@export()
@sealed()
@description('A bot that is created here. Its code runs elsewhere, at the endpoint.')
type newBot = {
  @description('The bot\'s messaging endpoint, https://host/api/messages.')
  endpoint: string

  @description('Client id of the bot\'s app registration or managed identity.')
  appId: string

  @description('What appId names. Bot Service takes no new multi-tenant bots.')
  appType: 'SingleTenant' | 'UserAssignedMSI'

  @description('Tenant of appId.')
  tenantId: string

  @description('ARM id of the managed identity; only with UserAssignedMSI.')
  identityResourceId: string?

  @description('F0 (the default) allows 10,000 messages a month; S1 is billed by message.')
  sku: ('F0' | 'S1')?
}

@export()
@sealed()
@description('How the users of one assistant log in to the client\'s own system. It has url, oauthConnections or both.')
type userLogin = {
  @description('Client id of the bot\'s identity: who may log users in.')
  botClientId: string

  @description('Entra tenant of that identity.')
  botTenantId: string

  @description('The client\'s Login API, https://host/path.')
  url: string?

  @maxLength(127)
  @description('Key Vault secret that the Login API wants as x-api-key; left out: it wants none.')
  apiKeySecretName: string?

  @description('Names of the bot\'s OAuth connections that users may sign in with.')
  oauthConnections: string[]?

  @description('ARM id of the bot\'s user-assigned identity, which the app then has beside its own. Needed with oauthConnections.')
  botIdentityResourceId: string?

  @description('Regional or government token service; left out: the global one.')
  tokenServiceUrl: string?

  @description('The client\'s system that the bot may call for a user, https://host/path; left out: nothing.')
  backendUrl: string?
}

@export()
@sealed()
@description('One bot and its settings: one business client.')
type assistant = {
  @minLength(1)
  @maxLength(32)
  @description('Small letters and digits.')
  id: string

  @minLength(1)
  @description('Exact https origins of the pages that embed the chat, without a path.')
  allowedOrigins: string[]

  @description('Origins that Direct Line trusts; left out: the allowed ones.')
  trustedOrigins: string[]?

  @description('true lets clients in that send no Origin header, such as native apps.')
  allowNoOrigin: bool?

  @description('true lets the app\'s own sample page, /api/site/chat/, use this assistant.')
  samplePage: bool?

  @description('Regional or government Direct Line endpoint.')
  directLineEndpoint: string?

  @minLength(1)
  @maxLength(127)
  @description('Key Vault secret that holds the Direct Line secret; left out: <id>-direct-line.')
  directLineSecretName: string?

  @description('Name of the Direct Line site; left out: Default Site.')
  directLineSiteName: string?

  @description('A bot to create. Leave it out for a bot that exists.')
  bot: newBot?

  @description('ARM id of a bot that exists; needed only for rotation.')
  botResourceId: string?

  @description('Object id of the identity with which the bot sends activities to the queue.')
  botPrincipalId: string?

  @description('Entra tenant whose consultants may read this assistant\'s conversations; left out: nobody.')
  deskTenantId: string?

  @description('Lets users log in to the client\'s own system; left out: no login.')
  login: userLogin?
}

@export()
@description('Whether every character of the text is one of the others. ARM has no regular expressions.')
func hasOnly(text string, characters string) bool =>
  empty(filter(range(0, length(text)), i => !contains(characters, substring(text, i, 1))))

@export()
@description('Whether the text holds none of the marks.')
func hasNone(text string, marks array) bool => empty(filter(marks, mark => contains(text, mark)))

@export()
@description('Whether the text is https://host or https://host:port and nothing more.')
func isOrigin(text string) bool =>
  startsWith(text, 'https://') && length(text) > 8 && length(split(text, '/')) == 3 && hasNone(text, [' ', ',', '*', '?', '#', '@', '%', '\\'])

@export()
@description('Whether the text has the form of a GUID: a tenant, a client or an object id.')
func isGuid(text string) bool =>
  join(map(split(text, '-'), part => string(length(part))), '-') == '8-4-4-4-12' && hasOnly(text, '0123456789abcdefABCDEF-')

@export()
@description('Whether the text may be the id of a client\'s tenant. All personal Microsoft accounts are in one, which is nobody\'s.')
func isTenant(text string) bool => isGuid(text) && toLower(text) != '9188040d-6c67-4c5b-b112-36a304b66dad'

@export()
@description('Whether the text is the ARM id of a bot.')
func isBotResourceId(text string) bool =>
  length(split(text, '/')) == 9 && startsWith(toLower(text), '/subscriptions/') && contains(toLower(text), '/providers/microsoft.botservice/botservices/')

@export()
@description('Whether the text is the ARM id of a user-assigned identity.')
func isIdentityResourceId(text string) bool =>
  length(split(text, '/')) == 9 && startsWith(toLower(text), '/subscriptions/') && contains(toLower(text), '/providers/microsoft.managedidentity/userassignedidentities/')

@description('The hexadecimal digits of GUIDs that are random, 30 of each: all but the version and the variant.')
func randomDigits(guids string) string =>
  join(map(range(0, length(guids) / 36), g => '${substring(guids, 36 * g, 8)}${substring(guids, 36 * g + 9, 4)}${substring(guids, 36 * g + 15, 3)}${substring(guids, 36 * g + 20, 3)}${substring(guids, 36 * g + 24, 12)}'), '')

@description('One digit of base64, from two hexadecimal ones. Of the last digit of a key only some bits count.')
func base64Digit(digits string, at int, values int, step int) string =>
  substring('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', (16 * indexOf('0123456789abcdef', substring(digits, 2 * at, 1)) + indexOf('0123456789abcdef', substring(digits, 2 * at + 1, 1))) % values * step, 1)

@export()
@description('The base64 of 32 random bytes, out of three random GUIDs: ARM has no other source of randomness.')
func randomKey(guids string) string =>
  '${join(map(range(0, 42), i => base64Digit(randomDigits(guids), i, 64, 1)), '')}${base64Digit(randomDigits(guids), 42, 16, 4)}='

@export()
@description('Whether the text is a count with a unit, such as 60/m.')
func isRate(text string) bool =>
  length(split(text, '/')) == 2 && !startsWith(text, '/') && hasOnly(first(split(text, '/')), '0123456789') && contains(['s', 'm', 'h'], last(split(text, '/')))
