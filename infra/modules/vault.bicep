metadata description = 'The vault: the app reads its secrets by identity. Also the keys that sign visitor tokens and seal logins and, where asked for, the key that encrypts the conversations.'

import { randomKey } from '../types.bicep'

param name string
param location string
param tags object
param workspaceId string

@description('Object id of the app\'s identity.')
param principalId string

@description('Closes the vault to all but private endpoints and trusted Azure services.')
param privateOnly bool

@description('Secret that signs visitor tokens; empty: none.')
param visitorKeySecretName string

@description('Writes secrets that do not exist yet.')
param seedSecrets bool

@description('72 random hexadecimal characters and hyphens. Each GUID carries 122 random bits.')
@secure()
param visitorKey string

@description('Secret that seals logins and their tokens; empty: none.')
param sealingKeySecretName string

@description('Three random GUIDs.')
@secure()
param sealingGuids string

@description('Creates a key for the conversations, and an identity that may use it.')
param customerManagedKey bool

param encryptionIdentityName string

// Key Vault Secrets User.
var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
// Key Vault Crypto Service Encryption User: wraps and unwraps, nothing else.
var encryptionUser = 'e147488a-f6f5-4113-8e2d-b22465e65bf6'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }
}

resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, secretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Written once: visitor tokens that were signed with it must go on verifying.
@onlyIfNotExists()
resource visitorSecret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (seedSecrets && !empty(visitorKeySecretName)) {
  parent: vault
  name: empty(visitorKeySecretName) ? 'none' : visitorKeySecretName
  properties: {
    value: base64(visitorKey)
    contentType: 'base64'
  }
}

// Written once: what was sealed with it must go on opening.
@onlyIfNotExists()
resource sealingSecret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (seedSecrets && !empty(sealingKeySecretName)) {
  parent: vault
  name: empty(sealingKeySecretName) ? 'none' : sealingKeySecretName
  properties: {
    value: randomKey(sealingGuids)
    contentType: 'base64'
  }
}

resource encryptionIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = if (customerManagedKey) {
  name: encryptionIdentityName
  location: location
  tags: tags
}

resource encryptionKey 'Microsoft.KeyVault/vaults/keys@2024-11-01' = if (customerManagedKey) {
  parent: vault
  name: 'conversations'
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: ['wrapKey', 'unwrapKey']
    rotationPolicy: {
      attributes: { expiryTime: 'P2Y' }
      lifetimeActions: [
        {
          action: { type: 'rotate' }
          trigger: { timeAfterCreate: 'P1Y' }
        }
      ]
    }
  }
}

resource usesKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (customerManagedKey) {
  name: guid(vault.id, 'conversations', encryptionIdentityName, encryptionUser)
  scope: encryptionKey
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', encryptionUser)
    principalId: encryptionIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = vault.name
output id string = vault.id
output uri string = vault.properties.vaultUri
output encryptionIdentityId string = customerManagedKey ? encryptionIdentity.id : ''
output encryptionKeyName string = customerManagedKey ? encryptionKey.name : ''
