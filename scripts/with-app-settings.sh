#!/usr/bin/env bash
# Runs an operator's command with the settings of the deployed app in its
# environment: of the app APP in the resource group GROUP, or of the one that azd
# deployed here. Without either it runs with the environment as it is.
set -euo pipefail

azd_value() {
  command -v azd >/dev/null && azd env get-value "$1" 2>/dev/null
}

app=${APP:-$(azd_value AZURE_FUNCTION_APP_NAME || true)}
group=${GROUP:-$(azd_value AZURE_RESOURCE_GROUP || true)}
if [ -z "$app" ]; then
  exec "$@"
fi
if [ -z "$group" ]; then
  echo "Name the resource group of $app too: GROUP=…" >&2
  exit 2
fi

# Only what the commands read; above all not the identity of the app.
listed=$(az functionapp config appsettings list --name "$app" --resource-group "$group" --query "[].join('=', [name, value])" --output tsv)
settings=()
while IFS= read -r line; do
  case $line in
  KEY_VAULT_URI=* | Assistants__* | ConversationBus__fullyQualifiedNamespace=*) settings+=("$line") ;;
  esac
done <<<"$listed"
exec env "${settings[@]}" "$@"
