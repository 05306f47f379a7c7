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
@description('Whether the text is a count with a unit, such as 60/m.')
func isRate(text string) bool =>
  length(split(text, '/')) == 2 && !startsWith(text, '/') && hasOnly(first(split(text, '/')), '0123456789') && contains(['s', 'm', 'h'], last(split(text, '/')))
