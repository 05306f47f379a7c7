metadata description = 'What the vault reports: to the queue of the rotation, and to people.'

param name string
param location string
param tags object
param vaultName string
param namespaceName string
param actionGroupId string

@description('Sends near expiries to the queue keyvault-events.')
param rotation bool

// Service Bus Data Sender.
var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource vaultEvents 'queues' existing = {
    name: 'keyvault-events'
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: vault.id
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

resource sendsVaultEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (rotation) {
  name: guid(namespace::vaultEvents.id, name, dataSender)
  scope: namespace::vaultEvents
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource toRotation 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = if (rotation) {
  parent: topic
  name: 'rotation'
  properties: {
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: { resourceId: namespace::vaultEvents.id }
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: { includedEventTypes: ['Microsoft.KeyVault.SecretNearExpiry'] }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
  dependsOn: [sendsVaultEvents]
}

// 30 days of warning, whether or not anything rotates. Event Grid raises alerts
// only for events in the CloudEvents schema.
resource toPeople 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'alert'
  properties: {
    destination: {
      endpointType: 'MonitorAlert'
      properties: {
        severity: 'Sev2'
        description: 'A secret of the vault expires within 30 days, or has expired. If the rotation runs, a new version should exist by now; see docs/runbooks.'
        actionGroups: [actionGroupId]
      }
    }
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: ['Microsoft.KeyVault.SecretNearExpiry', 'Microsoft.KeyVault.SecretExpired']
    }
  }
  // Event Grid takes one change of a topic at a time.
  dependsOn: [toRotation]
}
