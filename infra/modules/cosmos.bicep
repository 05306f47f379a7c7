metadata description = 'Cosmos DB for Table, in place of Table Storage for conversations that Chatgate stores and does not read. Serverless; no keys.'

param name string
param location string
param tags object
param workspaceId string

@description('Object id of the app\'s identity.')
param principalId string

@description('Closes the account to all but private endpoints.')
param privateOnly bool

@description('Identity that may use the customer-managed key; empty: the key is Microsoft\'s.')
param encryptionIdentityId string
param encryptionKeyName string
param vaultUri string

// Cosmos DB Built-in Data Contributor, of the Table API.
var dataContributor = '00000000-0000-0000-0000-000000000002'

var properties = {
  databaseAccountOfferType: 'Standard'
  capabilities: [{ name: 'EnableTable' }, { name: 'EnableServerless' }]
  consistencyPolicy: { defaultConsistencyLevel: 'Session' }
  locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: false }]
  disableLocalAuth: true
  disableKeyBasedMetadataWriteAccess: true
  minimalTlsVersion: 'Tls12'
  publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
  backupPolicy: {
    type: 'Continuous'
    continuousModeProperties: { tier: 'Continuous7Days' }
  }
}

resource account 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  identity: empty(encryptionIdentityId) ? { type: 'None' } : {
    type: 'UserAssigned'
    userAssignedIdentities: { '${encryptionIdentityId}': {} }
  }
  properties: empty(encryptionIdentityId) ? properties : union(properties, {
    keyVaultKeyUri: '${vaultUri}keys/${encryptionKeyName}'
    defaultIdentity: 'UserAssignedIdentity=${encryptionIdentityId}'
  })
}

// Data-plane roles of Cosmos DB are resources of its own, not of Azure RBAC.
resource writesConversations 'Microsoft.DocumentDB/databaseAccounts/tableRoleAssignments@2026-03-15' = {
  parent: account
  name: guid(account.id, principalId, dataContributor)
  properties: {
    roleDefinitionId: '${account.id}/tableRoleDefinitions/${dataContributor}'
    principalId: principalId
    scope: account.id
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'ControlPlaneRequests', enabled: true }]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

output id string = account.id
output tableUri string = 'https://${account.name}.table.cosmos.azure.com'
