metadata description = 'Service Bus without keys: one queue for activities, one for what can never be stored, one for the vault\'s events.'

param name string
param location string
param tags object
param workspaceId string

@description('Object id of the app\'s identity.')
param principalId string

@description('Object ids of the identities with which bots send activities.')
param senders string[]

@description('Premium has private endpoints and messages over 256 KB.')
@allowed(['Standard', 'Premium'])
param sku string

@description('Closes a Premium namespace to all but private endpoints and trusted Azure services.')
param privateOnly bool

// Service Bus Data Receiver.
var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
// Service Bus Data Sender.
var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

// A batch is settled as a whole and its locks are not renewed, so the lock is as
// long as Service Bus allows. A batch of 250 small activities takes a second.
var delivery = {
  lockDuration: 'PT5M'
  maxDeliveryCount: 10
  requiresDuplicateDetection: true
  duplicateDetectionHistoryTimeWindow: 'PT10M'
  deadLetteringOnMessageExpiration: true
  maxSizeInMegabytes: 5120
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: sku == 'Premium' ? { name: 'Premium', tier: 'Premium', capacity: 1 } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
  }
}

// Event Grid delivers from outside the network, as a trusted service.
resource network 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (privateOnly) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
  }
}

resource activities 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'conversation-activities'
  properties: union(delivery, { defaultMessageTimeToLive: 'P14D' })
}

// What waits here is personal data and goes after 90 days. Looking counts as a
// delivery, so the count is high, and what expires is not kept as a dead letter.
resource quarantine 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'conversation-quarantine'
  properties: union(delivery, {
    defaultMessageTimeToLive: 'P90D'
    deadLetteringOnMessageExpiration: false
    maxDeliveryCount: 2000
  })
}

resource vaultEvents 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'keyvault-events'
  properties: union(delivery, { defaultMessageTimeToLive: 'P14D' })
}

resource receivesActivities 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(activities.id, principalId, dataReceiver)
  scope: activities
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource receivesVaultEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vaultEvents.id, principalId, dataReceiver)
  scope: vaultEvents
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource sendsQuarantine 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(quarantine.id, principalId, dataSender)
  scope: quarantine
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource botsSendActivities 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for sender in senders: {
  name: guid(activities.id, sender, dataSender)
  scope: activities
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    principalId: sender
    principalType: 'ServicePrincipal'
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = namespace.id
output name string = namespace.name
output hostName string = replace(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')
