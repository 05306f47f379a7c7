metadata description = 'Lets the app list and regenerate the channel keys of one bot. Deployed into the bot\'s own resource group.'

param botName string

@description('Object id of the app\'s identity.')
param principalId string

// No built-in role is as narrow: the least of them may also change the bot's
// endpoint, which would hand every conversation to whoever holds the role.
resource rotatesKeys 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, botName, 'rotates Direct Line keys')
  properties: {
    type: 'CustomRole'
    roleName: 'Direct Line key rotation of ${botName} (${uniqueString(resourceGroup().id)})'
    description: 'Lists and regenerates channel keys. Cannot change the bot.'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.BotService/botServices/channels/listchannelwithkeys/action'
          'Microsoft.BotService/botServices/channels/regeneratekeys/action'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource bot 'Microsoft.BotService/botServices@2022-09-15' existing = {
  name: botName
}

resource rotatesThisBot 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(bot.id, principalId, 'rotates Direct Line keys')
  scope: bot
  properties: {
    roleDefinitionId: rotatesKeys.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
