metadata description = 'Two accounts that must not share a role: the host\'s own, which holds the deployed package, and the one that holds the conversations.'

param hostAccountName string
param conversationAccountName string
param location string
param tags object
param workspaceId string

@description('Object id of the app\'s identity.')
param principalId string

@description('Standard_ZRS, Standard_GZRS, Standard_LRS or Standard_GRS, of the conversations.')
param redundancy string

@description('Closes both accounts to all but private endpoints.')
param privateOnly bool

@description('false where Cosmos DB holds the conversations.')
param conversations bool

@description('Identity that may use the customer-managed key; empty: the key is Microsoft\'s.')
param encryptionIdentityId string
param encryptionKeyName string
param vaultUri string

// Storage Blob Data Owner: the host leases blobs, one for each timer among them,
// and reads the package.
var blobOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
// Storage Queue Data Contributor: the host's own queues.
var queueContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
// Storage Table Data Contributor: makes tables; reads, writes and deletes rows.
var tableContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

var packageContainer = 'packages'

// Keys of type Account let a customer-managed key cover tables and queues; that
// and the second layer of encryption can be chosen only when the account is made.
var encryptedServices = {
  requireInfrastructureEncryption: true
  services: {
    blob: { enabled: true, keyType: 'Account' }
    file: { enabled: true, keyType: 'Account' }
    queue: { enabled: true, keyType: 'Account' }
    table: { enabled: true, keyType: 'Account' }
  }
}

var conversationEncryption = empty(encryptionIdentityId) ? union(encryptedServices, { keySource: 'Microsoft.Storage' }) : union(encryptedServices, {
  keySource: 'Microsoft.Keyvault'
  identity: { userAssignedIdentity: encryptionIdentityId }
  keyvaultproperties: {
    keyname: encryptionKeyName
    keyvaulturi: vaultUri
  }
})

var hardened = {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
  networkAcls: {
    bypass: 'AzureServices'
    defaultAction: privateOnly ? 'Deny' : 'Allow'
  }
}

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: hostAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: union(hardened, { encryption: union(encryptedServices, { keySource: 'Microsoft.Storage' }) })

  resource blobs 'blobServices' = {
    name: 'default'

    resource packages 'containers' = {
      name: packageContainer
      properties: { publicAccess: 'None' }
    }
  }
}

resource conversation 'Microsoft.Storage/storageAccounts@2024-01-01' = if (conversations) {
  name: conversationAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  identity: empty(encryptionIdentityId) ? { type: 'None' } : {
    type: 'UserAssigned'
    userAssignedIdentities: { '${encryptionIdentityId}': {} }
  }
  properties: union(hardened, { encryption: conversationEncryption })

  resource tables 'tableServices' = {
    name: 'default'
  }
}

resource ownsHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, principalId, blobOwner)
  scope: host
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource usesHostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, principalId, queueContributor)
  scope: host
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource writesConversations 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (conversations) {
  name: guid(conversation.id, principalId, tableContributor)
  scope: conversation
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Reads and writes would cost more than the tables themselves; who deleted what
// is worth a line each.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (conversations) {
  name: 'to-workspace'
  scope: conversation::tables
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output hostAccountId string = host.id
output hostBlobUri string = host.properties.primaryEndpoints.blob
output hostQueueUri string = host.properties.primaryEndpoints.queue
output hostTableUri string = host.properties.primaryEndpoints.table
output packageUri string = '${host.properties.primaryEndpoints.blob}${packageContainer}'
output conversationAccountId string = conversations ? conversation.id : ''
output conversationTableUri string = conversations ? conversation!.properties.primaryEndpoints.table : ''
