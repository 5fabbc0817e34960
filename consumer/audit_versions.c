/* SPDX-License-Identifier: MIT
 * What events are to one another: the versions of an aggregate, which are dense, event ids, which
 * are there once, and commands, each of which makes one unit. */
#include "consumer/audit_inside.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "core/uuid.h"

enum { TWICE_MAX = 65536 /* so many are named; more are counted */ };

/* What is known of an aggregate. */
typedef struct watched {
    int64_t version;  /* the highest one so far; 0: none is known */
    int64_t offset;   /* of the event that has it */
    int64_t last;     /* version of its last event, in the order of the log; 0: it had none */
    uint64_t command; /* of its last event, a fingerprint; 0: it has none */
    stele_uuid id;    /* of its last event; all zero: it has none */
    bool is_owned;    /* a writer has appended to it */
} watched;

void stele_audit_forget_aggregates(stele_audit_run *run)
{
    stele_table_free(run->aggregates);
    stele_fingerprints_free(run->commands);
    run->aggregates = stele_table_new(sizeof(watched), 0);
    run->commands = stele_fingerprints_new();
}

/* ---- what is there twice ---- */

/* @return the place of its first record, if it has been there; NULL: it is there for the first
 * time, or this is not the time to say it */
static const stele_audit_place *was_there(stele_audit_run *run, stele_fingerprints *seen,
                                          uint64_t fingerprint, const stele_buffer *text,
                                          int64_t offset)
{
    if (!run->is_naming) {
        if (stele_fingerprints_add(seen, fingerprint)) return NULL;
        if (stele_fingerprints_count(run->twice) < TWICE_MAX)
            stele_fingerprints_add(run->twice, fingerprint);
        else if (!stele_fingerprints_has(run->twice, fingerprint))
            run->counts->unnamed++;
        return NULL;
    }
    if (!stele_fingerprints_has(run->twice, fingerprint)) return NULL;
    stele_audit_place *first = stele_table_insert(run->named, stele_buffer_view(text), NULL);
    if (first == NULL || first->is_set) return first;
    *first = (stele_audit_place){run->source.index, true, offset};
    return NULL;
}

static void look_at_id(stele_audit_run *run, const stele_record *record, const stele_uuid *id)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_bytes bytes = stele_bytes_of(id, sizeof *id);
    if (run->is_naming) stele_buffer_append(&text, bytes);
    const stele_audit_place *first =
        was_there(run, run->ids, stele_fingerprint(bytes, 0), &text, record->offset);
    if (first == NULL) return;
    char written[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid_format(id, written);
    stele_audit_find(
        run, STELE_AUDIT_DUPLICATE_ID, record->offset, record->key,
        "the event id %s is that of %s, too: one event, sent twice", written,
        stele_position_format(run->source.topic, first->partition, first->offset).text);
}

static void look_at_command(stele_audit_run *run, const stele_record *record, stele_bytes command)
{
    uint64_t fingerprint = stele_fingerprint(command, stele_fingerprint(record->key, 1));
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    if (run->is_naming) {
        stele_buffer_format(&text, "%zu/", record->key.size);
        stele_buffer_append(&text, record->key);
        stele_buffer_append(&text, command);
    }
    const stele_audit_place *first =
        was_there(run, run->commands, fingerprint, &text, record->offset);
    if (first == NULL) return;
    stele_audit_find(
        run, STELE_AUDIT_COMMAND_TWICE, record->offset, record->key,
        "the command %s has made events at %s before: it was carried out twice, or came again "
        "after it was forgotten",
        stele_quote(command).text,
        stele_position_format(run->source.topic, first->partition, first->offset).text);
}

/* ---- units ---- */

/* The ids of a unit count up. */
static bool id_follows(const stele_uuid *before, const stele_uuid *id)
{
    stele_uuid next = stele_uuid_plus(before, 1);
    return memcmp(&next, id, sizeof next) == 0;
}

static bool is_zero(const stele_uuid *id)
{
    static const stele_uuid zero;
    return memcmp(id, &zero, sizeof zero) == 0;
}

/* Does this event begin a unit, or go on with that of the event before it? */
static bool begins_unit(const watched *one, int64_t version, uint64_t command, const stele_uuid *id)
{
    if (command != one->command || version != one->last + 1) return true;
    return !is_zero(id) && !is_zero(&one->id) && !id_follows(&one->id, id);
}

static void look_at_unit(stele_audit_run *run, const stele_record *record, watched *one,
                         int64_t version, stele_bytes command, const stele_uuid *id)
{
    uint64_t fingerprint = command.data == NULL ? 0 : stele_fingerprint(command, 0);
    if (command.data != NULL && begins_unit(one, version, fingerprint, id))
        look_at_command(run, record, command);
    one->last = version;
    one->command = fingerprint;
    one->id = *id;
}

/* ---- versions ---- */

/* @return 0: none; -1: what is there is no version */
static int64_t version_of(stele_bytes text)
{
    int64_t version;
    if (text.data == NULL) return 0;
    return stele_parse_int64(text, 1, INT64_MAX, &version, NULL) == STELE_OK ? version : -1;
}

static bool has_writer(const stele_audit_run *run)
{
    const stele_aggregate *aggregate = run->options->aggregate;
    return aggregate != NULL && aggregate->state != NULL;
}

/* Its version is counted. */
static void look_at_unversioned(stele_audit_run *run, const stele_record *record,
                                const watched *one, bool is_bad)
{
    if (run->is_naming) return;
    if (is_bad)
        stele_audit_find(run, STELE_AUDIT_BAD_VERSION, record->offset, record->key,
                         "its ce_aggregateversion is no number from 1 on");
    else if (one->is_owned)
        stele_audit_find(run, STELE_AUDIT_FOREIGN, record->offset, record->key,
                         "it has no version, and the event at offset %" PRId64
                         " has one: a writer owns the aggregate, and this is not from it",
                         one->offset);
    else if (has_writer(run))
        stele_audit_find(run, STELE_AUDIT_FOREIGN, record->offset, record->key,
                         "it has no version, and %s decides: its writer alone appends to it",
                         run->options->aggregate->name);
    else
        run->counts->unversioned++;
}

static void look_at_version(stele_audit_run *run, const stele_record *record, const watched *one,
                            int64_t version)
{
    if (run->is_naming || version == one->version + 1) return;
    if (version <= one->version)
        stele_audit_find(run, STELE_AUDIT_FORK, record->offset, record->key,
                         "version %" PRId64 " again: the event at offset %" PRId64
                         " has made version %" PRId64 ", so two have appended to one place",
                         version, one->offset, one->version);
    else if (one->version == 0)
        stele_audit_find(run, STELE_AUDIT_HOLE, record->offset, record->key,
                         "its first event has version %" PRId64 ": those before it are missing",
                         version);
    else
        stele_audit_find(run, STELE_AUDIT_HOLE, record->offset, record->key,
                         "version %" PRId64 " comes after version %" PRId64 " at offset %" PRId64
                         ": those between them are missing",
                         version, one->version, one->offset);
}

void stele_audit_look_at_event(stele_audit_run *run, const stele_record *record,
                               const stele_audit_headers *headers)
{
    bool is_new;
    watched *one = stele_table_insert(run->aggregates, record->key, &is_new);
    if (is_new && !run->is_naming) run->counts->aggregates++;
    stele_uuid id = {{0}};
    bool has_id = headers->id.data != NULL && stele_uuid_parse(headers->id, &id, NULL) == STELE_OK;
    if (has_id && !run->options->skip_ids) look_at_id(run, record, &id);
    if (!has_id && !run->is_naming) run->counts->no_id++;

    int64_t version = version_of(headers->version);
    /* Where retention has deleted the beginning, counting starts with the first version. */
    bool is_counted = one->version > 0 || run->log_start == 0;
    if (version > 0) {
        if (is_counted) look_at_version(run, record, one, version);
        if (!run->options->skip_ids) look_at_unit(run, record, one, version, headers->command, &id);
        one->is_owned = true;
    } else {
        look_at_unversioned(run, record, one, version == -1);
        version = is_counted ? one->version + 1 : 0;
    }
    if (version <= one->version) return;
    one->version = version;
    one->offset = record->offset;
}
