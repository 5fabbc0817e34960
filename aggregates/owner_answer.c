/* SPDX-License-Identifier: MIT
 * Answers: what a caller is told. */
#include "aggregates/ownership_inside.h"

#include "core/alloc.h"

stele_entry *owner_find_entry(const owner_task *self, stele_bytes id)
{
    return stele_table_find(stele_states_table(self->states), id);
}

const stele_remembered_command *owner_find_remembered(const owner_task *self, stele_entry *entry,
                                                      const stele_ticket *ticket)
{
    if (entry == NULL) return NULL;
    const stele_command_key key = stele_command_key_of(stele_text(ticket->command_id));
    const stele_remembered *of = stele_states_companion(self->states, entry);
    int64_t now_ms = stele_clock_now_ms(stele_worker_clock(self->worker));
    stele_remembered_limits limits = self->of->limits;
    if (owner_mail_of(ticket) != NULL)
        limits.age_max_ms = 0; /* it may be taken again at any time */
    return stele_remembered_find(of, &limits, &key, now_ms);
}

void owner_find_offset(const owner_task *self, unit *of)
{
    stele_entry *entry = owner_find_entry(self, of->ticket->aggregate_id);
    const stele_remembered_command *found = owner_find_remembered(self, entry, of->ticket);
    if (found != NULL) of->as.offset = found->offset;
}

static stele_result result_of(const owner_task *self, int64_t version)
{
    stele_result result = {
        .version = version, .partition = self->source.index, .offset = STELE_OFFSET_NONE};
    size_t size = strlen(self->source.topic);
    if (size >= sizeof result.topic) size = sizeof result.topic - 1;
    memcpy(result.topic, self->source.topic, size);
    return result;
}

void owner_tell_refusal(const owner_task *self, stele_ticket *ticket, int64_t version,
                        const char *code, const stele_error *failure)
{
    stele_result result = result_of(self, version);
    memcpy(result.code, code, strlen(code) + 1);
    stele_ticket_tell(ticket, &result, failure);
}

void owner_tell_result(const owner_task *self, stele_ticket *ticket,
                       const stele_remembered_command *as, bool repeated)
{
    stele_result result = result_of(self, as->version);
    result.repeated = repeated;
    if (as->count > 0) {
        result.offset = as->offset;
        result.event_count = as->count;
        stele_uuid_format(&as->first_id, result.first_event_id);
    }
    stele_ticket_tell(ticket, &result, NULL);
}

void owner_tell_state(const owner_task *self, stele_ticket *ticket)
{
    stele_entry *entry = owner_find_entry(self, ticket->aggregate_id);
    bool is_finished = entry != NULL && (entry->flags & STELE_ENTRY_FINISHED) != 0;
    const void *state =
        entry == NULL ? stele_decider_blank(self->of->decider) : stele_entry_state(entry);
    ticket->loaded(ticket->context, is_finished ? NULL : state);
    stele_result result = result_of(self, entry == NULL ? 0 : entry->version);
    stele_ticket_tell(ticket, &result, NULL);
}

void owner_say(const owner_task *self, const char *phase)
{
    stele_probe(stele_registry_runtime(self->of->options.registry),
                &(stele_fact){.what = "owner",
                              .subject = phase,
                              .topic = self->source.topic,
                              .partition = self->source.index,
                              .value = stele_fold_position(self->fold)});
}

void owner_tell_unit(const owner_task *self, unit *of)
{
    stele_ticket *ticket = of->ticket;
    if (ticket->done == NULL) {
        /* Its caller was told before. */
    } else if (ticket->kind == STELE_TICKET_LOAD) {
        owner_tell_state(self, ticket);
    } else if (of->failure != NULL) {
        owner_tell_refusal(self, ticket, of->as.version, of->code, of->failure);
    } else {
        owner_tell_result(self, ticket, &of->as, false);
    }
    for (stele_ticket *each; (each = stele_ticket_list_take(&of->repeats)) != NULL;) {
        owner_tell_result(self, each, &of->as, true);
        stele_ticket_free(each);
    }
}
