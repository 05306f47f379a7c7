metadata description = 'The app on Flex Consumption, and every app setting it has.'

import { assistant } from '../types.bicep'

param name string
param planName string
param location string
param tags object

@description('Name of the service in azure.yaml.')
param serviceName string

param workspaceId string
param identityId string
param identityClientId string

param insightsConnectionString string

param hostBlobUri string
param hostQueueUri string
param hostTableUri string

@description('Blob container of the deployed package.')
param packageUri string

param busHostName string
param vaultUri string
param conversationTableUri string

param assistants assistant[]

@description('ARM ids of the bots whose keys are rotated, by assistant id. Empty: no rotation.')
param rotatedBots object

@description('ARM ids of bots\' identities that the app has beside its own, to call the token service.')
param botIdentityIds string[]

param visitorKeySecretName string
param sealingKeySecretName string
param tokenRateLimit string
param assistantRateLimit string
param clientAddressSource string
param secretMaxAge string
param skippedActivityTypes string
param webChatUrl string
param apiClientId string
param authority string
param retentionDays int
param retentionDryRun bool
param logLevel string

param instanceMemoryMB int
param maximumInstanceCount int

@description('Instances that are always warm for HTTP requests.')
param alwaysReadyHttp int

param zoneRedundant bool

@description('Subnet of outbound calls; empty: none.')
param subnetId string

// For the host. Diagnostic events go to a table of its account, on which the
// identity has no role on purpose: the same events are in Application Insights.
var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: hostBlobUri
  AzureWebJobsStorage__queueServiceUri: hostQueueUri
  AzureWebJobsStorage__tableServiceUri: hostTableUri
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  ConversationBus__fullyQualifiedNamespace: busHostName
  ConversationBus__credential: 'managedidentity'
  ConversationBus__clientId: identityClientId
}

// For the handler; docs/reference/settings.md explains each. An empty value counts
// as none there.
var handlerSettings = {
  AZURE_CLIENT_ID: identityClientId
  KEY_VAULT_URI: vaultUri
  ConversationStore__tableServiceUri: conversationTableUri
  VisitorKeySecretName: visitorKeySecretName
  SealingKeySecretName: sealingKeySecretName
  TokenRateLimit: tokenRateLimit
  AssistantRateLimit: assistantRateLimit
  ClientAddressSource: clientAddressSource
  SecretMaxAge: secretMaxAge
  SkippedActivityTypes: skippedActivityTypes
  WebChatUrl: webChatUrl
  Api__ClientId: apiClientId
  Authority: authority
  RetentionDays: string(retentionDays)
  RetentionDryRun: retentionDryRun ? 'true' : 'false'
  LOG_LEVEL: logLevel
}

var assistantSettings = map(assistants, a => {
  'Assistants__${a.id}__DirectLineSecretName': a.directLineSecretName!
  'Assistants__${a.id}__AllowedOrigins': join(a.allowedOrigins, ',')
  'Assistants__${a.id}__TrustedOrigins': join(a.?trustedOrigins ?? [], ',')
  'Assistants__${a.id}__AllowNoOrigin': (a.?allowNoOrigin ?? false) ? 'true' : 'false'
  'Assistants__${a.id}__DirectLineEndpoint': a.?directLineEndpoint ?? ''
  'Assistants__${a.id}__DeskTenantId': a.?deskTenantId ?? ''
  'Assistants__${a.id}__LoginUrl': a.?login.?url ?? ''
  'Assistants__${a.id}__LoginApiKeySecretName': a.?login.?apiKeySecretName ?? ''
  'Assistants__${a.id}__OAuthConnections': join(a.?login.?oauthConnections ?? [], ',')
  'Assistants__${a.id}__TokenServiceUrl': a.?login.?tokenServiceUrl ?? ''
  'Assistants__${a.id}__BackendUrl': a.?login.?backendUrl ?? ''
  'Assistants__${a.id}__BotTenantId': a.?login.?botTenantId ?? ''
  'Assistants__${a.id}__BotClientId': a.?login.?botClientId ?? ''
})

// Only for bots whose keys this app rotates.
var rotationSettings = map(filter(assistants, a => contains(rotatedBots, a.id)), a => {
  'Assistants__${a.id}__BotResourceId': rotatedBots[a.id]
  'Assistants__${a.id}__DirectLineSiteName': a.directLineSiteName!
})

var settings = reduce(concat(assistantSettings, rotationSettings), union(hostSettings, handlerSettings), (all, more) => union(all, more))

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: toObject(union([identityId], botIdentityIds), id => id, id => {})
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      // CORS is the handler's: the platform's would answer preflights before it.
      appSettings: map(items(settings), setting => { name: setting.key, value: setting.value })
    }
    functionAppConfig: {
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyHttp > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttp }] : []
        triggers: { http: { perInstanceConcurrency: 100 } }
      }
      // New instances take over before the old ones stop.
      #disable-next-line BCP037
      siteUpdateStrategy: { type: 'RollingUpdate' }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

// The lines of the host and the handler are in Application Insights already.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
