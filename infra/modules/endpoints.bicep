metadata description = 'Private endpoints, each with its record in a zone that exists.'

@sealed()
type endpoint = {
  name: string
  resourceId: string
  groupId: string
  zone: string
}

param location string
param tags object
param subnetId string
param endpoints endpoint[]

resource private 'Microsoft.Network/privateEndpoints@2024-05-01' = [for e in endpoints: {
  name: e.name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: e.name
        properties: {
          privateLinkServiceId: e.resourceId
          groupIds: [e.groupId]
        }
      }
    ]
  }
}]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (e, i) in endpoints: {
  parent: private[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: e.groupId
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', e.zone) }
      }
    ]
  }
}]
