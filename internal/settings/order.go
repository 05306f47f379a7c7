package settings

import (
	"strings"

	"chatgate/internal/endpoint"
)

// checkOrder complains where conversations are to be read that stand in no
// order. Cosmos DB for Table stores them, but gives rows back as it likes: the
// last activity that comes need not be the newest, so that the retention would
// erase conversations that go on, and pages and cursors would leave some out.
func checkOrder(r *reader, s Settings) {
	name := "ConversationStore__tableServiceUri"
	if !s.Store.ConnectionString.IsEmpty() {
		name = "ConversationStore"
	}
	readers := readersInOrder(r, s)
	if len(readers) == 0 || !endpoint.IsCosmos(s.Store.TableServiceURI) && !endpoint.IsCosmos(s.Store.ConnectionString.Reveal()) {
		return
	}
	r.complain(name, "is Cosmos DB for Table, which gives rows back in no order, but "+strings.Join(readers, " and ")+
		" must read them in order; use a storage account, https://<account>.table.core.windows.net, or remove what reads")
}

// readersInOrder names the settings that have conversations read: by consultants,
// and by the retention, also where it only counts.
func readersInOrder(r *reader, s Settings) []string {
	var names []string
	for _, assistant := range r.assistants() {
		if name := prefixOf(assistant) + "DeskTenantId"; r.has(name) {
			names = append(names, name)
		}
	}
	if s.RetentionDays > 0 {
		names = append(names, "RetentionDays")
	}
	return names
}
