metadata description = 'One page for operators: tokens, failures, queues.'

param displayName string
param location string
param tags object
param workspaceId string
param namespaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: replace(replace(loadTextContent('workbook.json'), '{workspace}', workspaceId), '{namespace}', namespaceId)
  }
}

output id string = workbook.id
