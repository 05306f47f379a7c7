metadata description = 'Chatgate on Azure Functions Flex Consumption: one app for one or several assistants, no key anywhere.'

targetScope = 'subscription'

import { assistant, hasNone, hasOnly, isBotResourceId, isGuid, isIdentityResourceId, isOrigin, isRate, isTenant } from 'types.bicep'

@minLength(1)
@maxLength(40)
@description('Name of the environment, such as bankx-prod. Part of every name.')
param environmentName string

@minLength(1)
@description('Azure region of everything but the bots. It must offer Flex Consumption.')
param location string

@minLength(1)
@description('The assistants, one for each bot.')
param assistants assistant[]

@description('Writes secrets that do not exist yet: the keys of bots that are created here, and the keys for visitor tokens and for sealing. Existing secrets stay as they are even with true.')
param seedSecrets bool = false

@description('Lets the app rotate Direct Line keys of bots created here or given by botResourceId. Their secrets must exist.')
param rotationEnabled bool = false

@minValue(60)
@maxValue(730)
@description('Days until a seeded secret expires. The rotation begins 30 days before.')
param secretValidityDays int = 180

@maxLength(127)
@description('Key Vault secret that signs visitor tokens; empty: none are issued.')
param visitorKeySecretName string = 'visitor-key'

@maxLength(127)
@description('Key Vault secret that seals logins and their tokens; empty: there is no login.')
param sealingKeySecretName string = 'sealing-key'

@description('Issues and refreshes per client address, such as 60/m; or off.')
param tokenRateLimit string = '60/m'

@description('Issues per assistant and instance, such as 6000/m; or off.')
param assistantRateLimit string = '6000/m'

@description('x-forwarded-for, or front-door:<FDID>.')
param clientAddressSource string = 'x-forwarded-for'

@description('Age after which a cached secret is read again.')
param secretMaxAge string = '5m'

@description('Types of activities that are not stored, separated by commas.')
param skippedActivityTypes string = 'typing,trace'

@description('Where the sample page loads Web Chat from; empty: the pinned copy on a public CDN.')
param webChatUrl string = ''

@description('Client id of the app registration, for consultants\' and bots\' tokens; empty: no service desk and no login.')
param apiClientId string = ''

@description('Entra ID, which signs consultants in; another address for a cloud whose tokens name one.')
param authority string = environment().authentication.loginEndpoint

@minValue(0)
@maxValue(36500)
@description('Days after its last activity at which a conversation is removed; 0 keeps all.')
param retentionDays int = 0

@description('Only logs what would be removed.')
param retentionDryRun bool = false

@allowed(['debug', 'info', 'warn', 'error'])
param logLevel string = 'info'

@allowed(['tables', 'cosmos'])
@description('Where conversations are stored: Table Storage, or Cosmos DB for Table, which allows neither a deskTenantId nor retentionDays. Changing it moves no data.')
param conversationStore string = 'tables'

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
@description('Copies of the conversations in Table Storage.')
param conversationRedundancy string = 'Standard_ZRS'

@description('Encrypts the conversations with a key of the vault. Choose it before the first deployment.')
param customerManagedKey bool = false

@description('A network with private endpoints for storage and vault, and for Service Bus where it is Premium.')
param vnetEnabled bool = false

@allowed(['Standard', 'Premium'])
@description('Only Premium has private endpoints. It cannot be changed later.')
param serviceBusSku string = 'Standard'

@allowed([512, 2048, 4096])
@description('Memory of an instance. A batch of activities may take 400 MB, so 512 is for trials.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@minValue(0)
@maxValue(20)
@description('Instances that are always warm. 0 costs nothing while nobody chats.')
param alwaysReadyHttp int = 0

@description('Spreads instances over availability zones, where the region has them.')
param zoneRedundant bool = false

@description('Address that alerts are mailed to; empty: alerts show in the portal only.')
param alertEmail string = ''

@minValue(30)
@maxValue(730)
@description('How long logs are kept, in days.')
param logRetentionInDays int = 30

@secure()
@description('Do not set it: random, and used only where the visitor key does not exist yet.')
param visitorKey string = '${newGuid()}${newGuid()}'

@secure()
@description('Do not set it: random, and used only where the sealing key does not exist yet.')
param sealingGuids string = '${newGuid()}${newGuid()}${newGuid()}'

@description('Do not set it: the time at which the deployment began.')
param deployedAt string = utcNow()

// Every problem at once, each with the name of its parameter. What does not hold
// fails when the template is validated, before anything is deployed.
var ids = map(assistants, a => a.id)
var origins = flatten(map(assistants, a => concat(
  map(a.allowedOrigins, o => { parameter: '${a.id}.allowedOrigins', origin: o }),
  map(a.?trustedOrigins ?? [], o => { parameter: '${a.id}.trustedOrigins', origin: o })
)))
var withEndpoint = filter(assistants, a => !empty(a.?directLineEndpoint))
var withBot = filter(assistants, a => a.?bot != null)
var withExistingBot = filter(assistants, a => !empty(a.?botResourceId))
var withSender = filter(assistants, a => !empty(a.?botPrincipalId))
var withDesk = filter(assistants, a => !empty(a.?deskTenantId))
var logins = map(filter(assistants, a => a.?login != null), a => { id: a.id, login: a.login! })
var connected = filter(logins, l => !empty(l.login.?oauthConnections))
var loginUrls = filter(flatten(map(logins, l => [
  { parameter: '${l.id}.login.url', url: l.login.?url ?? '' }
  { parameter: '${l.id}.login.tokenServiceUrl', url: l.login.?tokenServiceUrl ?? '' }
  { parameter: '${l.id}.login.backendUrl', url: l.login.?backendUrl ?? '' }
])), u => !empty(u.url))
var apiKeyNames = map(filter(logins, l => !empty(l.login.?apiKeySecretName)), l => l.login.?apiKeySecretName ?? '')
var letters = 'abcdefghijklmnopqrstuvwxyz'
var digits = '0123456789'

// Two assistants with one secret would be one bot to Direct Line, and the
// rotation may write the secrets of bots. Login APIs may share a key.
var secretNames = map(filter(concat(map(assistants, a => a.?directLineSecretName ?? '${a.id}-direct-line'), [visitorKeySecretName, sealingKeySecretName], union(apiKeyNames, [])), name => !empty(name)), name => toLower(name))

var problems = concat(
  map(filter(ids, id => !hasOnly(id, '${letters}${digits}')), id => 'assistants: the id "${id}" may hold only small letters and digits.'),
  length(union(ids, ids)) == length(ids) ? [] : ['assistants: two have the same id.'],
  map(filter(origins, o => !isOrigin(o.origin)), o => 'assistants, ${o.parameter}: "${o.origin}" is not an origin; write https://host, without a path or a slash at the end.'),
  map(filter(withEndpoint, a => !startsWith(a.?directLineEndpoint ?? '', 'https://')), a => 'assistants, ${a.id}.directLineEndpoint: must begin with https://.'),
  map(filter(assistants, a => !hasOnly(toLower(a.?directLineSecretName ?? ''), '${letters}${digits}-')), a => 'assistants, ${a.id}.directLineSecretName: may hold only letters, digits and hyphens. It is a name, never the secret itself.'),
  length(union(secretNames, secretNames)) == length(secretNames) ? [] : ['assistants, directLineSecretName: two assistants, or one and visitorKeySecretName, sealingKeySecretName or a login.apiKeySecretName, have the same secret.'],
  map(filter(withBot, a => !isGuid(a.bot!.tenantId)), a => 'assistants, ${a.id}.bot.tenantId: "${a.bot!.tenantId}" is not the id of a tenant.'),
  map(filter(withBot, a => !isGuid(a.bot!.appId)), a => 'assistants, ${a.id}.bot.appId: "${a.bot!.appId}" is not a client id.'),
  map(filter(withBot, a => !startsWith(a.bot!.endpoint, 'https://')), a => 'assistants, ${a.id}.bot.endpoint: must begin with https://.'),
  map(filter(withBot, a => a.?bot.?appType == 'UserAssignedMSI' && empty(a.?bot.?identityResourceId)), a => 'assistants, ${a.id}.bot.identityResourceId: is missing; UserAssignedMSI needs it.'),
  map(filter(withBot, a => !empty(a.?botResourceId)), a => 'assistants, ${a.id}: has both bot and botResourceId; give one.'),
  map(filter(withExistingBot, a => !isBotResourceId(a.?botResourceId ?? '')), a => 'assistants, ${a.id}.botResourceId: is not the ARM id of a bot.'),
  map(filter(withSender, a => !isGuid(a.?botPrincipalId ?? '')), a => 'assistants, ${a.id}.botPrincipalId: is not an object id.'),
  map(filter(withDesk, a => !isTenant(a.?deskTenantId ?? '')), a => 'assistants, ${a.id}.deskTenantId: is not the id of one tenant.'),
  map(filter(logins, l => !isGuid(l.login.botClientId)), l => 'assistants, ${l.id}.login.botClientId: is not a client id.'),
  map(filter(logins, l => !isTenant(l.login.botTenantId)), l => 'assistants, ${l.id}.login.botTenantId: is not the id of one tenant.'),
  map(filter(logins, l => empty(l.login.?url) && empty(l.login.?oauthConnections)), l => 'assistants, ${l.id}.login: has neither url nor oauthConnections; give one.'),
  map(filter(logins, l => empty(l.login.?url) && !empty(l.login.?apiKeySecretName)), l => 'assistants, ${l.id}.login.apiKeySecretName: is of no use without url.'),
  map(filter(loginUrls, u => !startsWith(u.url, 'https://') || !hasNone(u.url, ['?', '#', '@', ' ', ','])), u => 'assistants, ${u.parameter}: must be https://host/path, without query.'),
  map(filter(apiKeyNames, name => !hasOnly(toLower(name), '${letters}${digits}-')), name => 'assistants, login.apiKeySecretName: "${name}" may hold only letters, digits and hyphens. It is a name, never the key itself.'),
  map(filter(flatten(map(connected, l => l.login.?oauthConnections ?? [])), name => empty(name) || contains(name, ',')), name => 'assistants, login.oauthConnections: "${name}" is not the name of a connection.'),
  map(filter(connected, l => !isIdentityResourceId(l.login.?botIdentityResourceId ?? '')), l => 'assistants, ${l.id}.login.botIdentityResourceId: is not the ARM id of a user-assigned identity; oauthConnections needs it.'),
  empty(logins) || !empty(apiClientId) ? [] : ['apiClientId: is missing; assistants with a login need it.'],
  empty(logins) || !empty(sealingKeySecretName) ? [] : ['sealingKeySecretName: is missing; assistants with a login need it.'],
  hasOnly(toLower(sealingKeySecretName), '${letters}${digits}-') ? [] : ['sealingKeySecretName: may hold only letters, digits and hyphens.'],
  empty(apiClientId) || isGuid(apiClientId) ? [] : ['apiClientId: is not a client id.'],
  empty(withDesk) || !empty(apiClientId) ? [] : ['apiClientId: is missing; assistants with a deskTenantId need it.'],
  conversationStore == 'tables' || (empty(withDesk) && retentionDays == 0) ? [] : ['conversationStore: cosmos gives rows back in no order; assistants with a deskTenantId, and retentionDays, need tables.'],
  startsWith(authority, 'https://') ? [] : ['authority: must begin with https://.'],
  hasOnly(toLower(visitorKeySecretName), '${letters}${digits}-') ? [] : ['visitorKeySecretName: may hold only letters, digits and hyphens.'],
  tokenRateLimit == 'off' || isRate(tokenRateLimit) ? [] : ['tokenRateLimit: takes a rate such as 60/m, or off.'],
  assistantRateLimit == 'off' || isRate(assistantRateLimit) ? [] : ['assistantRateLimit: takes a rate such as 6000/m, or off.'],
  clientAddressSource == 'x-forwarded-for' || startsWith(clientAddressSource, 'front-door:') ? [] : ['clientAddressSource: takes x-forwarded-for, or front-door:<FDID>.'],
  empty(alertEmail) || contains(alertEmail, '@') ? [] : ['alertEmail: is not an address.']
)
var checkedLocation = empty(problems) ? location : fail(join(problems, ' '))

var token = toLower(uniqueString(subscription().id, environmentName, location))
var groupName = 'rg-${environmentName}'
var tags = { 'azd-env-name': environmentName, application: 'chatgate' }
var appName = 'func-${token}'
var usesCosmos = conversationStore == 'cosmos'
var privateBus = vnetEnabled && serviceBusSku == 'Premium'

// The assistants with every default filled in.
var resolved = map(assistants, a => union(a, {
  directLineSecretName: a.?directLineSecretName ?? '${a.id}-direct-line'
  directLineSiteName: a.?directLineSiteName ?? 'Default Site'
  allowedOrigins: union(a.allowedOrigins, (a.?samplePage ?? false) ? ['https://${appName}.azurewebsites.net'] : [])
}))
var created = filter(resolved, a => a.?bot != null)
var createdBotIds = toObject(created, a => a.id, a => '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.BotService/botServices/bot-${a.id}-${token}')
var existingBotIds = toObject(withExistingBot, a => a.id, a => a.?botResourceId ?? '')
var rotatedBots = any(rotationEnabled ? union(createdBotIds, existingBotIds) : {})
var rotated = filter(resolved, a => contains(rotatedBots, a.id))

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: checkedLocation
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-${token}'
    insightsName: 'appi-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    retentionInDays: logRetentionInDays
  }
}

module people 'modules/people.bicep' = {
  name: 'people'
  scope: group
  params: {
    name: 'people-${token}'
    tags: tags
    alertEmail: alertEmail
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    principalId: identity.outputs.principalId
    privateOnly: vnetEnabled
    visitorKeySecretName: visitorKeySecretName
    seedSecrets: seedSecrets
    visitorKey: visitorKey
    sealingKeySecretName: sealingKeySecretName
    sealingGuids: sealingGuids
    customerManagedKey: customerManagedKey
    encryptionIdentityName: 'id-encryption-${token}'
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    hostAccountName: 'sthost${token}'
    conversationAccountName: 'stconv${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    principalId: identity.outputs.principalId
    redundancy: conversationRedundancy
    privateOnly: vnetEnabled
    conversations: !usesCosmos
    encryptionIdentityId: vault.outputs.encryptionIdentityId
    encryptionKeyName: vault.outputs.encryptionKeyName
    vaultUri: vault.outputs.uri
  }
}

module cosmos 'modules/cosmos.bicep' = if (usesCosmos) {
  name: 'cosmos'
  scope: group
  params: {
    name: 'cosmos-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    principalId: identity.outputs.principalId
    privateOnly: vnetEnabled
    encryptionIdentityId: vault.outputs.encryptionIdentityId
    encryptionKeyName: vault.outputs.encryptionKeyName
    vaultUri: vault.outputs.uri
  }
}

module bus 'modules/bus.bicep' = {
  name: 'bus'
  scope: group
  params: {
    name: 'sb-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    principalId: identity.outputs.principalId
    senders: union(map(withSender, a => a.?botPrincipalId ?? ''), [])
    sku: serviceBusSku
    privateOnly: privateBus
  }
}

module bots 'modules/bot.bicep' = [for a in created: {
  name: 'bot-${a.id}'
  scope: group
  params: {
    name: 'bot-${a.id}-${token}'
    displayName: a.id
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    bot: a.bot!
    siteName: a.directLineSiteName
    trustedOrigins: a.?trustedOrigins ?? a.allowedOrigins
    vaultName: vault.outputs.name
    secretName: a.directLineSecretName
    seedSecret: seedSecrets
    validityDays: secretValidityDays
    deployedAt: deployedAt
  }
}]

module rotationSecrets 'modules/rotation-secret.bicep' = [for a in rotated: {
  name: 'rotation-secret-${a.id}'
  scope: group
  params: {
    vaultName: vault.outputs.name
    secretName: a.directLineSecretName
    principalId: identity.outputs.principalId
  }
  dependsOn: [bots]
}]

module rotationBots 'modules/rotation-bot.bicep' = [for a in rotated: {
  name: 'rotation-bot-${a.id}-${token}'
  scope: resourceGroup(split(rotatedBots[a.id], '/')[2], split(rotatedBots[a.id], '/')[4])
  params: {
    botName: last(split(rotatedBots[a.id], '/'))
    principalId: identity.outputs.principalId
  }
  dependsOn: [bots]
}]

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: 'evgt-${token}'
    location: location
    tags: tags
    vaultName: vault.outputs.name
    namespaceName: bus.outputs.name
    actionGroupId: people.outputs.id
    rotation: rotationEnabled
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    zones: concat(
      map(['blob', 'queue', 'table'], service => 'privatelink.${service}.${environment().suffixes.storage}'),
      ['privatelink.vaultcore.azure.net'],
      usesCosmos ? ['privatelink.table.cosmos.azure.com'] : [],
      privateBus ? ['privatelink.servicebus.windows.net'] : []
    )
  }
}

module endpoints 'modules/endpoints.bicep' = if (vnetEnabled) {
  name: 'endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    subnetId: vnetEnabled ? network!.outputs.endpointSubnetId : ''
    endpoints: concat(
      map(['blob', 'queue', 'table'], service => {
        name: 'pep-host-${service}-${token}'
        resourceId: storage.outputs.hostAccountId
        groupId: service
        zone: 'privatelink.${service}.${environment().suffixes.storage}'
      }),
      [
        {
          name: 'pep-vault-${token}'
          resourceId: vault.outputs.id
          groupId: 'vault'
          zone: 'privatelink.vaultcore.azure.net'
        }
        {
          name: 'pep-conversations-${token}'
          resourceId: usesCosmos ? cosmos!.outputs.id : storage.outputs.conversationAccountId
          groupId: usesCosmos ? 'Table' : 'table'
          zone: usesCosmos ? 'privatelink.table.cosmos.azure.com' : 'privatelink.table.${environment().suffixes.storage}'
        }
      ],
      privateBus ? [
        {
          name: 'pep-bus-${token}'
          resourceId: bus.outputs.id
          groupId: 'namespace'
          zone: 'privatelink.servicebus.windows.net'
        }
      ] : []
    )
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: appName
    planName: 'plan-${token}'
    location: location
    tags: tags
    serviceName: 'handler'
    workspaceId: monitoring.outputs.workspaceId
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    insightsConnectionString: monitoring.outputs.connectionString
    hostBlobUri: storage.outputs.hostBlobUri
    hostQueueUri: storage.outputs.hostQueueUri
    hostTableUri: storage.outputs.hostTableUri
    packageUri: storage.outputs.packageUri
    busHostName: bus.outputs.hostName
    vaultUri: vault.outputs.uri
    conversationTableUri: usesCosmos ? cosmos!.outputs.tableUri : storage.outputs.conversationTableUri
    assistants: resolved
    rotatedBots: rotatedBots
    botIdentityIds: union(map(connected, l => l.login.?botIdentityResourceId ?? ''), [])
    visitorKeySecretName: visitorKeySecretName
    sealingKeySecretName: sealingKeySecretName
    tokenRateLimit: tokenRateLimit
    assistantRateLimit: assistantRateLimit
    clientAddressSource: clientAddressSource
    secretMaxAge: secretMaxAge
    skippedActivityTypes: skippedActivityTypes
    webChatUrl: webChatUrl
    apiClientId: apiClientId
    authority: authority
    retentionDays: retentionDays
    retentionDryRun: retentionDryRun
    logLevel: logLevel
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    zoneRedundant: zoneRedundant
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
  }
  dependsOn: [endpoints]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    namespaceId: bus.outputs.id
    actionGroupId: people.outputs.id
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    displayName: 'Chatgate ${environmentName}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    namespaceId: bus.outputs.id
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_FUNCTION_APP_URL string = 'https://${app.outputs.hostName}'
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output AZURE_SERVICE_BUS_NAMESPACE string = bus.outputs.name
output AZURE_CLIENT_ID_OF_APP string = identity.outputs.clientId
