metadata description = 'What wakes people. docs/runbooks says what each alert means and what to do.'

param location string
param tags object
param workspaceId string
param namespaceId string
param actionGroupId string

// Each line that the handler writes is a trace whose message is JSON. Traces are
// sampled: ItemCount says how many each one stands for.
var lines = 'AppTraces | where Message startswith "{" | extend line = parse_json(Message) | extend Code = tostring(line.code), Assistant = tostring(line.assistant)'

var queueAlerts = [
  {
    name: 'dead-letters'
    severity: 1
    metric: 'DeadletteredMessages'
    queues: ['*']
    description: 'Messages were given up on after 10 deliveries: a conversation has a gap until they are sent again.'
  }
  {
    name: 'quarantine'
    severity: 2
    metric: 'ActiveMessages'
    queues: ['conversation-quarantine']
    description: 'Messages that can never be stored as they are. The reason is in each of them.'
  }
]

resource queueAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in queueAlerts: {
  name: alert.name
  location: 'global'
  tags: tags
  properties: {
    description: alert.description
    severity: alert.severity
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: alert.name
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: alert.metric
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [{ name: 'EntityName', operator: 'Include', values: alert.queues }]
        }
      ]
    }
    autoMitigate: true
    actions: [{ actionGroupId: actionGroupId }]
  }
}]

resource busThrottled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'bus-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'Service Bus refused requests for their number: activities arrive late.'
    severity: 2
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'bus-throttled'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ThrottledRequests'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    autoMitigate: true
    actions: [{ actionGroupId: actionGroupId }]
  }
}

// Each window is longer than its interval, so that a line that arrives late is
// seen.
var logAlerts = [
  {
    name: 'server-errors'
    severity: 1
    threshold: 5
    every: 'PT5M'
    window: 'PT15M'
    description: 'More than 5 requests in 15 minutes were answered 5xx, or invocations failed.'
    query: 'AppRequests | where toint(ResultCode) >= 500 or (toint(ResultCode) == 0 and Success == false) | summarize Count = sum(ItemCount) by bin(TimeGenerated, 5m)'
  }
  {
    name: 'token-failures'
    severity: 1
    threshold: 3
    every: 'PT5M'
    window: 'PT15M'
    description: 'Tokens could not be issued or refreshed: Direct Line refused the secret or is away, or the secret could not be read.'
    query: '${lines} | where Code in ("direct_line_refused", "direct_line_unavailable", "secret_unavailable") | summarize Count = sum(ItemCount) by bin(TimeGenerated, 5m), Assistant'
  }
  {
    name: 'throttling'
    severity: 2
    threshold: 100
    every: 'PT5M'
    window: 'PT15M'
    description: 'Direct Line throttles the bot, or the rate limits refuse many visitors.'
    query: '${lines} | where Code in ("direct_line_throttled", "rate_limited") | summarize Count = sum(ItemCount) by bin(TimeGenerated, 5m), Assistant'
  }
  {
    name: 'login-failures'
    severity: 2
    threshold: 3
    every: 'PT5M'
    window: 'PT15M'
    description: 'Users cannot log in, or bots cannot act for them: a client\'s Login API or system is away, or gives answers that cannot be used.'
    query: '${lines} | where Code in ("login_refused", "login_unavailable", "backend_unavailable", "backend_unsafe") | summarize Count = sum(ItemCount) by bin(TimeGenerated, 5m), Assistant'
  }
  {
    name: 'retention'
    severity: 2
    threshold: 0
    every: 'PT1H'
    window: 'PT2H'
    description: 'Conversations past their retention could not be removed. They stay until a run succeeds.'
    query: 'AppRequests | where Name == "PurgeExpired" and Success == false | summarize Count = sum(ItemCount) by bin(TimeGenerated, 5m)'
  }
  // Six of them, so that a new deployment has its time; rather few than all of a
  // day, since traces may be left out.
  {
    name: 'retention-behind'
    severity: 2
    threshold: 0
    every: 'PT1H'
    window: 'P1D'
    description: 'For a day no run has come to the end of the conversations past their retention: more expire than are removed.'
    query: '${lines} | where tostring(line.msg) == "PurgeExpired" and tobool(line.purge.dryRun) == false | summarize Runs = count(), Complete = countif(tobool(line.purge.complete)), TimeGenerated = max(TimeGenerated) | where Complete == 0 and Runs >= 6 | project TimeGenerated, Count = Runs'
  }
]

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [for alert in logAlerts: {
  name: alert.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: alert.name
    description: alert.description
    severity: alert.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: alert.every
    windowSize: alert.window
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Total'
          metricMeasureColumn: 'Count'
          operator: 'GreaterThan'
          threshold: alert.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    autoMitigate: true
    actions: { actionGroups: [actionGroupId] }
  }
}]
