metadata description = 'A bot registration with Direct Line, and its key in the vault. The bot\'s code is not deployed here.'

import { newBot } from '../types.bicep'

param name string
param displayName string
param tags object
param workspaceId string
param bot newBot
param siteName string

@description('Origins that Direct Line trusts: the pages that may use the bot.')
param trustedOrigins string[]

param vaultName string
param secretName string

@description('Writes the secret if it does not exist yet. A rotated one is never touched.')
param seedSecret bool

@minValue(31)
param validityDays int

@description('When the deployment began, ISO 8601.')
param deployedAt string

resource registration 'Microsoft.BotService/botServices@2022-09-15' = {
  name: name
  location: 'global'
  tags: tags
  kind: 'azurebot'
  sku: { name: bot.?sku ?? 'F0' }
  properties: {
    displayName: displayName
    endpoint: bot.endpoint
    msaAppId: bot.appId
    msaAppType: bot.appType
    msaAppTenantId: bot.tenantId
    msaAppMSIResourceId: bot.?identityResourceId ?? ''
    publicNetworkAccess: 'Enabled'
  }
}

// A secure site turns enhanced authentication on: user ids that begin dl_ and are
// fixed in the token. It does not stop a stolen token from being used elsewhere.
resource directLine 'Microsoft.BotService/botServices/channels@2022-09-15' = {
  parent: registration
  name: 'DirectLineChannel'
  location: 'global'
  properties: {
    channelName: 'DirectLineChannel'
    properties: {
      sites: [
        {
          siteName: siteName
          isEnabled: true
          isV1Enabled: false
          isV3Enabled: true
          isSecureSiteEnabled: true
          isBlockUserUploadEnabled: true
          trustedOrigins: trustedOrigins
        }
      ]
    }
  }
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

// Both forms of the answer are seen, and either may leave the keys empty.
var answer = any(directLine.listChannelWithKeys())
var answered = concat(answer.?setting.?sites ?? [], answer.?properties.?properties.?sites ?? [])

// The tags tell the rotation which key of which bot it is and how long the next
// one lasts.
@onlyIfNotExists()
resource secret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (seedSecret) {
  parent: vault
  name: secretName
  tags: {
    CredentialId: 'key1'
    ValidityPeriodDays: string(validityDays)
    ProviderAddress: registration.id
    DirectLineSite: siteName
  }
  properties: {
    value: first(filter(answered, site => site.?siteName == siteName && !empty(site.?key))).key
    contentType: 'text/plain'
    attributes: {
      enabled: true
      exp: dateTimeToEpoch(dateTimeAdd(deployedAt, 'P${validityDays}D'))
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: registration
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'BotRequest', enabled: true }]
  }
}

output id string = registration.id
