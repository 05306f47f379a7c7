metadata description = 'Who is told.'

param name string
param tags object

@description('Address that alerts are mailed to; empty: alerts show in the portal only.')
param alertEmail string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'chatgate'
    enabled: true
    emailReceivers: empty(alertEmail) ? [] : [
      {
        name: 'operators'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

output id string = people.id
