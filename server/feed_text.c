/* SPDX-License-Identifier: MIT
 * Records as server-sent events. The data is one line of JSON, an event as `history` prints it, or
 * a state. What cannot be decoded is an event of the name `undecodable`. */
#include <inttypes.h>

#include <stele/json.h>

#include "core/alloc.h"
#include "core/text.h"
#include "registry/wire.h"
#include "server/event_stream.h"
#include "server/feed.h"
#include "snapshots/format.h"

enum {
    ASK_MS = 200,        /* one question to the registry: others wait meanwhile */
    MISSING_MS = 5000,   /* a schema that the registry does not know may be on its way */
    GIVEN_UP_MS = 60000, /* then it is not asked for */
    PATIENCE_MS = 30000  /* where one was waited for in vain, no other one is */
};

void stele_feed_teller_clear(stele_feed_teller *teller)
{
    stele_event_lines_free(teller->lines);
    stele_value_reader_free(teller->values);
}

/* ---- states ---- */

static void write_state_head(const stele_feed_teller *teller, const stele_batch *batch,
                             const stele_snapshot *snapshot, stele_buffer *json)
{
    stele_buffer_append(json, stele_text("{\"id\":"));
    stele_show_json(json, snapshot->id);
    stele_buffer_format(
        json, ",\"version\":%" PRId64 ",\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"data\":",
        snapshot->version, teller->subject->events, batch->partition.index, snapshot->offset - 1);
}

static stele_status write_state(stele_feed_teller *teller, const stele_batch *batch,
                                const stele_record *record, stele_buffer *json, stele_error *err)
{
    stele_snapshot snapshot;
    const stele_type *type;
    const void *state;
    stele_status status = stele_snapshot_read(batch, record, NULL, &snapshot, err);
    if (status < 0) return status;
    if (snapshot.finished) {
        write_state_head(teller, batch, &snapshot, json);
        stele_buffer_append(json, stele_text("null}"));
        return STELE_OK;
    }
    if (teller->values == NULL) teller->values = stele_value_reader_new(teller->registry, ASK_MS);
    status = stele_value_reader_read(teller->values, record->value, &type, &state, err);
    if (status < 0) return status;
    write_state_head(teller, batch, &snapshot, json);
    status = stele_json_write(type, state, STELE_JSON_PLAIN, json, err);
    stele_buffer_push(json, '}');
    return status;
}

/* ---- all ---- */

static stele_status write_data(stele_feed_teller *teller, const stele_batch *batch,
                               const stele_record *record, stele_buffer *json, stele_error *err)
{
    if (teller->subject->kind == STELE_FEED_STATES)
        return write_state(teller, batch, record, json, err);
    if (teller->lines == NULL) teller->lines = stele_event_lines_new(teller->registry, ASK_MS);
    return stele_event_lines_write(teller->lines, batch, record, 0, json, err);
}

/* Does it say nothing of the record? Whoever asks may have lost a right, or the registry be another
 * one than before: then an event that is passed as undecodable would be lost to the client. */
static bool is_of_registry(const stele_error *err)
{
    return err->status == STELE_E_FORBIDDEN || err->status == STELE_E_UNAVAILABLE ||
           err->status == STELE_E_TIMED_OUT || err->status == STELE_E_INTERRUPTED;
}

/* ---- schemas that the registry does not know ---- */

static stele_deadline in_ms(const stele_feed_teller *teller, int ms)
{
    return stele_deadline_after(stele_registry_clock(teller->registry), ms);
}

/* @return NULL: it is not known to be missing */
static stele_feed_missing *find_missing(stele_feed_teller *teller, int32_t schema)
{
    for (size_t i = 0; i < STELE_FEED_MISSING_MAX && i < teller->missing_next; i++)
        if (teller->missing[i].schema == schema) return &teller->missing[i];
    return NULL;
}

static void give_up(const stele_feed_teller *teller, stele_feed_missing *missing)
{
    missing->is_given_up = true;
    missing->until = in_ms(teller, GIVEN_UP_MS);
}

/* A topic may be full of what only looks like events: of 1,000 schemas that no one has registered,
 * one is waited for in a while. */
static stele_feed_missing *add_missing(stele_feed_teller *teller, int32_t schema)
{
    stele_feed_missing *missing = &teller->missing[teller->missing_next++ % STELE_FEED_MISSING_MAX];
    *missing = (stele_feed_missing){.schema = schema, .until = in_ms(teller, MISSING_MS)};
    bool is_patient =
        teller->patience_from.end_ns == 0 || stele_deadline_passed(teller->patience_from);
    if (!is_patient) give_up(teller, missing);
    return missing;
}

/* @return true: it may be on its way */
static bool is_waited_for(stele_feed_teller *teller, int32_t schema)
{
    stele_feed_missing *missing = find_missing(teller, schema);
    if (missing == NULL) missing = add_missing(teller, schema);
    if (!stele_deadline_passed(missing->until)) return !missing->is_given_up;
    if (!missing->is_given_up) teller->patience_from = in_ms(teller, PATIENCE_MS);
    give_up(teller, missing);
    return false;
}

/* Was it waited for in vain, a moment ago? Each question may take its time. */
static bool is_given_up(stele_feed_teller *teller, const stele_record *record, stele_error *why)
{
    int32_t schema;
    stele_bytes payload;
    if (!stele_wire_split(record->value, &schema, &payload)) return false;
    const stele_feed_missing *missing = find_missing(teller, schema);
    if (missing == NULL || !missing->is_given_up || stele_deadline_passed(missing->until))
        return false;
    stele_fail(why, STELE_E_NOT_FOUND, STELE_NEXT_REJECT,
               "the registry has no schema with the id %" PRId32, schema);
    return true;
}

/* Is the registry to be asked again? */
static bool is_passing(stele_feed_teller *teller, const stele_record *record,
                       const stele_error *err)
{
    int32_t schema;
    stele_bytes payload;
    if (is_of_registry(err)) return true;
    if (err->next != STELE_NEXT_RETRY) return false;
    if (err->status != STELE_E_NOT_FOUND || !stele_wire_split(record->value, &schema, &payload))
        return true;
    return is_waited_for(teller, schema);
}

static void write_undecodable(const stele_batch *batch, const stele_record *record,
                              const stele_error *why, stele_buffer *json)
{
    stele_buffer_append(json, stele_text("{\"id\":"));
    if (record->key.data == NULL)
        stele_buffer_append(json, stele_text("null"));
    else
        stele_show_json(json, record->key);
    stele_buffer_format(json, ",\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"reason\":",
                        batch->partition.topic, batch->partition.index, record->offset);
    stele_show_json(json, stele_text(why->text));
    stele_buffer_push(json, '}');
}

stele_status stele_feed_tell(stele_feed_teller *teller, const stele_batch *batch,
                             const stele_record *record, stele_buffer *out, stele_error *err)
{
    bool is_state = teller->subject->kind == STELE_FEED_STATES;
    if (is_state && (record->key.data == NULL || stele_id_is_reserved(record->key)))
        return STELE_OK; /* checkpoints, and what was set aside */
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    stele_error why = {0};
    stele_status status = stele_registry_check(teller->registry, err);
    if (status < 0) return status;
    if (is_given_up(teller, record, &why) || write_data(teller, batch, record, &json, &why) < 0) {
        if (is_passing(teller, record, &why)) {
            *err = why;
            return why.status;
        }
        stele_buffer_reset(&json);
        write_undecodable(batch, record, &why, &json);
        stele_event_stream_field(out, "event", stele_text("undecodable"));
    }
    stele_event_stream_field(out, "data", stele_buffer_view(&json));
    return STELE_OK;
}
