/* SPDX-License-Identifier: MIT
 * One state for a program of one's own, of now or of old: copied by a worker of the same process
 * that has it in memory, else by a query of one aggregate. */
#include "projections/state_ask.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"
#include "projections/configured.h"
#include "projections/query.h"
#include "registry/client.h"

enum { TIMEOUT_MS = 30000, ASK_MS = 1000 };

typedef struct taken {
    const stele_type *type;
    void *state;
    stele_state_info info;
} taken;

static stele_status take(void *context, const stele_query_state *state, stele_error *err)
{
    (void)err;
    taken *to = context;
    to->info = (stele_state_info){state->version, state->offset, state->state == NULL};
    stele_value_clear(to->type, to->state);
    if (state->state != NULL) stele_value_copy(to->type, to->state, state->state);
    return STELE_OK;
}

static stele_status check(stele_bytes id, stele_moment moment, stele_error *err)
{
    if (id.data == NULL || id.size == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an aggregate's id is not empty");
    if (moment.version < 0 || moment.time_ms < 0 || (moment.version > 0 && moment.time_ms > 0))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a moment is a version from 1 on, or a time after 1970, not both");
    return STELE_OK;
}

static int patience_of(int timeout_ms)
{
    return timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
}

static stele_status query_at(stele_client *client, const stele_projection *projection,
                             stele_bytes id, stele_moment moment, stele_deadline until, void *state,
                             stele_state_info *info, stele_error *err)
{
    stele_projection configured =
        stele_projection_configured(projection, stele_client_config(client));
    taken to = {.type = projection->state, .state = state};
    stele_query_options options = {
        .projection = &configured,
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .id = id,
        .at_version = moment.version,
        .at_time_ms = moment.time_ms,
        .parks = stele_projection_parks(projection, stele_client_config(client)),
        .deadline = until,
        .each = take,
        .context = &to,
    };
    stele_status status = stele_query(&options, err);
    if (status == STELE_OK && info != NULL) *info = to.info;
    return status;
}

stele_status stele_state_at(stele_client *client, const stele_projection *projection,
                            stele_bytes id, stele_moment moment, int timeout_ms, void *state,
                            stele_state_info *info, stele_error *err)
{
    stele_status status = check(id, moment, err);
    if (status < 0) return status;
    stele_clock clock = stele_log_clock(stele_client_log(client));
    stele_deadline until = stele_deadline_after(clock, patience_of(timeout_ms));
    return query_at(client, projection, id, moment, until, state, info, err);
}

/* ---- from a worker ---- */

/* A letter and where it goes. */
typedef struct asking {
    stele_client *client;
    const stele_projection *projection;
    char *group;  /* owned */
    char *events; /* owned */
    int32_t partition;
    stele_deadline until;
} asking;

static void asking_clear(asking *self)
{
    free(self->group);
    free(self->events);
}
STELE_VALUE_SCOPE(asking, asking_clear);

static asking new_asking(stele_client *client, const stele_projection *projection,
                         stele_deadline until)
{
    return (asking){.client = client,
                    .projection = projection,
                    .group = stele_projection_group(projection->name, projection->version),
                    .events = stele_events_topic(projection->source->name),
                    .until = until};
}

static stele_status fail_late(const asking *self, int64_t end, stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "%s: the worker of %s/%d in this process has not come to offset %" PRId64
                      " in time; `status` says how far it is",
                      self->group, self->events, (int)self->partition, end);
}

/* Where does the log end now? In short questions, so that `stop` is heard. */
static stele_status find_end(const asking *self, const stele_state_place *place, int64_t *end,
                             stele_error *err)
{
    stele_log *log = stele_client_log(self->client);
    const stele_partition source = {self->events, self->partition};
    int64_t start;
    stele_status status;
    do {
        status =
            stele_log_bounds(log, source, STELE_READ_COMMITTED,
                             stele_deadline_remaining_ms(self->until, ASK_MS), &start, end, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(self->until, place->stop, err));
    return status;
}

/* A worker knows at which offset the states are right by being told where the log ends now. */
static stele_status ask_worker(const asking *self, const stele_state_place *place,
                               stele_state_letter *letter, bool *is_here, stele_error *err)
{
    stele_post *post = stele_client_post(self->client);
    const void *kind = self->projection->state;
    *is_here = stele_post_has(post, self->group, kind, self->partition);
    if (!*is_here) return STELE_OK;
    letter->letter.position = place->position;
    letter->letter.takes_older = place->position == STELE_OFFSET_NONE;
    if (place->position == STELE_OFFSET_NONE) {
        stele_status status = find_end(self, place, &letter->letter.position, err);
        if (status < 0) return status;
    }
    stele_letter_state state =
        stele_post_send(post, self->group, kind, self->partition, &letter->letter, self->until);
    *is_here = state != STELE_LETTER_RETURNED;
    return state == STELE_LETTER_LATE ? fail_late(self, letter->letter.position, err) : STELE_OK;
}

stele_status stele_state_ask(stele_client *client, const stele_projection *projection,
                             const stele_state_place *place, stele_bytes id, stele_deadline until,
                             void *state, stele_state_info *info, bool *is_here, stele_error *err)
{
    STELE_AUTO_VALUE(asking) self = new_asking(client, projection, until);
    stele_state_letter letter = {.id = id, .state = state};
    self.partition = place->partition;
    stele_status status = ask_worker(&self, place, &letter, is_here, err);
    if (status < 0 || !*is_here) return status;
    if (!letter.is_there)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no event of %s",
                          self.events, stele_quote(id).text);
    if (info != NULL) *info = letter.info;
    return STELE_OK;
}

stele_status stele_states_ask(stele_client *client, const stele_projection *projection,
                              const stele_state_place *place, const stele_state_page *page,
                              stele_deadline until, bool *is_here, stele_error *err)
{
    STELE_AUTO_VALUE(asking) self = new_asking(client, projection, until);
    stele_state_letter letter = {.page = page};
    self.partition = place->partition;
    return ask_worker(&self, place, &letter, is_here, err);
}

stele_status stele_state_get(stele_client *client, const stele_projection *projection,
                             stele_bytes id, int timeout_ms, void *state, stele_state_info *info,
                             stele_error *err)
{
    stele_status status = check(id, (stele_moment){0}, err);
    if (status < 0) return status;
    stele_clock clock = stele_log_clock(stele_client_log(client));
    stele_deadline until = stele_deadline_after(clock, patience_of(timeout_ms));
    STELE_AUTO(char) group = stele_projection_group(projection->name, projection->version);
    int32_t count = stele_post_count(stele_client_post(client), group, projection->state);
    bool is_here = false;
    if (count > 0) {
        const stele_state_place place = {.partition = stele_log_partition_of(id, count),
                                         .position = STELE_OFFSET_NONE};
        status = stele_state_ask(client, projection, &place, id, until, state, info, &is_here, err);
        if (status < 0) return status;
    }
    if (is_here) return STELE_OK;
    return query_at(client, projection, id, (stele_moment){0}, until, state, info, err);
}
