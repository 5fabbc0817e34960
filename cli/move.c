/* SPDX-License-Identifier: MIT
 * Compares the events of a source with those of a topic, and adds what follows. An aggregate's
 * events are told by fingerprints of 128 bits that are chained: what is kept of it is of one size,
 * however many events it has. */
#include "cli/move.h"

#include <inttypes.h>

#include "cli/meter.h"
#include "cli/move_writer.h"
#include "core/alloc.h"
#include "core/fingerprints.h"
#include "core/names.h"
#include "core/table.h"
#include "core/text.h"
#include "registry/client.h"

enum { OTHER_SEED = 0x5374656c };

/* Of an event, or of one event after the other. */
typedef struct print {
    uint64_t a, b;
} print;

/* What is known of an aggregate. */
typedef struct moved_key {
    print first;                     /* its first event in the source */
    int64_t count;                   /* of its events there */
    int64_t seen;                    /* of them, in the walk that is going on */
    int64_t matched;                 /* events of the topic that should be those */
    print there;                     /* all of the matched ones */
    print compared;                  /* as many of the source */
    print edges[2];                  /* its first and its last event in the topic */
    int64_t version, version_offset; /* of that last one */
    bool is_known;                   /* it has events in the topic */
    bool is_owned;                   /* a writer has given versions */
} moved_key;

typedef struct move {
    stele_cli *cli;
    const stele_move_source *source;
    const stele_cli_topic *topic;
    stele_move_writer *writer;
    stele_table *keys;
    stele_buffer key, bytes;
    bool has_known; /* an aggregate of the source has events in the topic */
    int64_t present;
    int64_t total, done;
    stele_meter meter;

    /* What differs, once something does. */
    const moved_key *culprit;
    print *prints; /* of its matched events in the topic … */
    int64_t *offsets;
    int64_t print_count, index;
    bool is_begun;
    int64_t other_offset;
    char *position; /* … and the first one of the source that is not there */
} move;

static void move_clear(move *m)
{
    stele_move_writer_free(m->writer);
    stele_table_free(m->keys);
    stele_buffer_clear(&m->key);
    stele_buffer_clear(&m->bytes);
    free(m->prints);
    free(m->offsets);
    free(m->position);
}
STELE_VALUE_SCOPE(move, move_clear);

/* ---- fingerprints ---- */

static bool is_same(print one, print other)
{
    return one.a == other.a && one.b == other.b;
}

static print print_of(stele_bytes bytes, print before)
{
    return (print){stele_fingerprint(bytes, before.a), stele_fingerprint(bytes, before.b)};
}

static void append_sized(stele_buffer *out, stele_bytes bytes)
{
    uint64_t size = bytes.data == NULL ? UINT64_MAX : bytes.size;
    stele_buffer_append(out, stele_bytes_of(&size, sizeof size));
    if (bytes.size > 0) stele_buffer_append(out, bytes);
}

/* Key, value and headers; not the time, which a topic may set itself. */
static print print_event(move *m, const stele_moved_event *event)
{
    stele_buffer_reset(&m->bytes);
    append_sized(&m->bytes, event->key);
    append_sized(&m->bytes, event->value);
    for (size_t i = 0; i < event->header_count; i++) {
        append_sized(&m->bytes, stele_text(event->headers[i].name));
        append_sized(&m->bytes, event->headers[i].value);
    }
    return print_of(stele_buffer_view(&m->bytes), (print){0, OTHER_SEED});
}

static print chain(print before, print next)
{
    return print_of(stele_bytes_of(&next, sizeof next), before);
}

/* ---- aggregates ---- */

/* Events without a key belong together by the partition where they go. */
static stele_bytes name_key(move *m, const stele_moved_event *event, int32_t partition)
{
    stele_buffer_reset(&m->key);
    stele_buffer_push(&m->key, event->key.data == NULL);
    stele_buffer_append(&m->key, event->key.data == NULL
                                     ? stele_bytes_of(&partition, sizeof partition)
                                     : event->key);
    return stele_buffer_view(&m->key);
}

/* Of an event of the source: in the partition where it goes. */
static moved_key *find_key(move *m, const stele_moved_event *event)
{
    return stele_table_find(m->keys,
                            name_key(m, event, stele_move_writer_partition(m->writer, event)));
}

static stele_status look_at_stop(move *m, stele_error *err)
{
    stele_meter_show(&m->meter, stele_clock_system(), ++m->done);
    if (!atomic_load(m->cli->stop)) return STELE_OK;
    return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
}

/* @return 0: none; -1: what is there is no version */
static int64_t version_of(const stele_moved_event *event)
{
    int64_t version = 0;
    for (size_t i = 0; i < event->header_count; i++) {
        if (strcmp(event->headers[i].name, "ce_aggregateversion") != 0) continue;
        if (stele_parse_int64(event->headers[i].value, 1, INT64_MAX, &version, NULL) < 0)
            version = -1;
    }
    return version;
}

static void take_version(moved_key *key, int64_t version, int64_t offset)
{
    key->is_owned = key->is_owned || version > 0;
    key->version = version > 0 ? version : key->version + 1;
    key->version_offset = offset;
}

/* ---- the walks ---- */

static stele_status survey_source(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    stele_bytes name = name_key(m, event, stele_move_writer_partition(m->writer, event));
    moved_key *key = stele_table_insert(m->keys, name, NULL);
    if (key == NULL)
        return stele_fail(
            err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s: its key has %zu bytes, the limit is %d",
            stele_position_format(m->source->name, event->partition, event->offset).text,
            event->key.size, STELE_TABLE_KEY_MAX - 1);
    if (key->count++ == 0) key->first = print_event(m, event);
    m->total++;
    return look_at_stop(m, err);
}

static stele_status survey_topic(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    moved_key *key = stele_table_find(m->keys, name_key(m, event, event->partition));
    if (key != NULL) {
        print of = print_event(m, event);
        if (!key->is_known) key->edges[0] = of;
        key->edges[1] = of;
        key->is_known = m->has_known = true;
        take_version(key, version_of(event), event->offset);
        bool goes_on = key->matched > 0 || is_same(of, key->first);
        if (goes_on && key->matched < key->count) {
            key->there = chain(key->there, of);
            key->matched++;
        }
    }
    return look_at_stop(m, err);
}

/* An event of an aggregate of which the topic has others: are they what it should have? */
static stele_status compare(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    moved_key *key = find_key(m, event);
    if (key == NULL || !key->is_known) return look_at_stop(m, err);
    print of = print_event(m, event);
    if (key->matched == 0 && (is_same(of, key->edges[0]) || is_same(of, key->edges[1])))
        return stele_fail(
            err, STELE_E_CONFLICT, STELE_NEXT_STOP,
            "%s: this event of %s is in %s, and the first one of %s "
            "is not, which was before it: they can only be brought into a topic "
            "without them",
            stele_position_format(m->source->name, event->partition, event->offset).text,
            stele_quote(event->key).text, m->topic->name, m->source->name);
    if (key->seen < key->matched) {
        key->compared = chain(key->compared, of);
        key->seen++;
        m->present++;
        if (key->seen == key->matched && !is_same(key->compared, key->there)) m->culprit = key;
    }
    return m->culprit != NULL ? STELE_E_CONFLICT : look_at_stop(m, err);
}

static stele_status check_version(move *m, const moved_key *key, const stele_moved_event *event,
                                  int64_t version, stele_error *err)
{
    const char *source = m->source->name;
    stele_quoted id = stele_quote(event->key);
    if (version == -1)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: its ce_aggregateversion is no number from 1 on",
                          stele_position_format(source, event->partition, event->offset).text);
    if (version == 0 && !key->is_owned) return STELE_OK;
    if (version == 0)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s: it has no version, and %s in %s has one: a writer "
                          "owns the aggregate",
                          stele_position_format(source, event->partition, event->offset).text,
                          id.text, m->topic->name);
    if (version > key->version + 1)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s: version %" PRId64 " of %s, and %s has it up to "
                          "version %" PRId64 ": bring those between them first",
                          stele_position_format(source, event->partition, event->offset).text,
                          version, id.text, m->topic->name, key->version);
    if (version > key->version) return STELE_OK;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s: version %" PRId64 " of %s, and %s has it with other "
                      "events up to version %" PRId64 ", at offset %" PRId64 ": bring them into a "
                      "topic without this aggregate",
                      stele_position_format(source, event->partition, event->offset).text, version,
                      id.text, m->topic->name, key->version, key->version_offset);
}

static stele_status add(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    moved_key *key = find_key(m, event);
    if (key == NULL || key->seen == key->count)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s has changed while it was read: run this again", m->source->name);
    stele_status status = STELE_OK;
    if (key->seen++ >= key->matched) {
        int64_t version = version_of(event);
        status = check_version(m, key, event, version, err);
        if (status == STELE_OK) status = stele_move_writer_put(m->writer, event, err);
        if (status < 0) return status;
        take_version(key, version, -1);
    }
    return look_at_stop(m, err);
}

/* ---- which one differs ---- */

static stele_status list_prints(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    (void)err;
    if (stele_table_find(m->keys, name_key(m, event, event->partition)) != m->culprit)
        return STELE_OK;
    print of = print_event(m, event);
    m->is_begun = m->is_begun || is_same(of, m->culprit->first);
    if (!m->is_begun || m->print_count == m->culprit->matched) return STELE_OK;
    m->offsets[m->print_count] = event->offset;
    m->prints[m->print_count++] = of;
    return STELE_OK;
}

static stele_status find_different(void *context, const stele_moved_event *event, stele_error *err)
{
    move *m = context;
    (void)err;
    if (m->position != NULL || find_key(m, event) != m->culprit || m->index == m->print_count)
        return STELE_OK;
    if (!is_same(print_event(m, event), m->prints[m->index])) {
        m->other_offset = m->offsets[m->index];
        m->position = stele_strdup(
            stele_position_format(m->source->name, event->partition, event->offset).text);
    }
    m->index++;
    return STELE_OK;
}

static stele_status walk_topic(const move *m, stele_moved_each *each, stele_error *err)
{
    stele_topic_walk how = {.log = stele_client_log(m->cli->client),
                            .topic = m->topic->name,
                            .ranges = stele_move_writer_before(m->writer),
                            .count = (size_t)m->topic->partitions,
                            .patience_ms = m->cli->timeout_ms,
                            .stop = m->cli->stop};
    return stele_walk_topic(&how, each, (void *)m, err);
}

static stele_status name_difference(move *m, stele_error *err)
{
    m->prints = stele_alloc_array((size_t)m->culprit->matched, sizeof *m->prints);
    m->offsets = stele_alloc_array((size_t)m->culprit->matched, sizeof *m->offsets);
    stele_status status = walk_topic(m, list_prints, err);
    if (status == STELE_OK) status = m->source->walk(m->source->self, find_different, m, err);
    if (status < 0) return status;
    stele_bytes name = stele_table_key(m->keys, m->culprit);
    bool has_key = name.data[0] == 0;
    stele_quoted id = stele_quote(stele_bytes_of(has_key ? name.data + 1 : NULL, name.size - 1));
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s: the topic %s has another event of %s in its place, at offset %" PRId64
                      ": bring them into a topic without this aggregate",
                      m->position == NULL ? m->source->name : m->position, m->topic->name, id.text,
                      m->other_offset);
}

/* ---- the move ---- */

/* What is in these has its place in the log as its meaning. */
stele_status stele_move_check_topic(const char *topic, stele_error *err)
{
    static const char own[] = "_stele.";
    if (strncmp(topic, own, sizeof own - 1) != 0 &&
        stele_snapshots_topic_parse(topic, NULL).data == NULL)
        return STELE_OK;
    return stele_fail(
        err, STELE_E_FORBIDDEN, STELE_NEXT_STOP,
        "%s is a topic that Stele keeps itself: what others bring into it would break "
        "it; bring events, and it is made again from them",
        topic);
}

static void begin_walk(move *m, const char *verb)
{
    stele_meter_clear(&m->meter);
    m->meter = (stele_meter){.out = m->cli->err,
                             .verb = verb,
                             .unit = "events",
                             .total = m->total,
                             .terminal = m->cli->terminal};
    m->done = 0;
    stele_table_cursor cursor = {0};
    moved_key *key;
    while ((key = stele_table_next(m->keys, &cursor)) != NULL)
        key->seen = 0;
    stele_meter_begin(&m->meter, stele_clock_system());
}

static stele_status run(move *m, stele_error *err)
{
    const stele_move_source *source = m->source;
    stele_status status = stele_move_writer_new(m->cli, m->topic, source->unit, &m->writer, err);
    if (status < 0) return status;
    begin_walk(m, "looked at");
    if ((status = source->walk(source->self, survey_source, m, err)) < 0) return status;
    begin_walk(m, "compared");
    if ((status = walk_topic(m, survey_topic, err)) < 0) return status;
    if (m->has_known) {
        begin_walk(m, "compared");
        status = source->walk(source->self, compare, m, err);
        if (status < 0) return m->culprit != NULL ? name_difference(m, err) : status;
    }
    begin_walk(m, "went through");
    if ((status = source->walk(source->self, add, m, err)) < 0) return status;
    return stele_move_writer_finish(m->writer, err);
}

stele_status stele_move(stele_cli *cli, const stele_move_source *source,
                        const stele_cli_topic *topic, stele_move_counts *counts, stele_error *err)
{
    uint64_t seed;
    stele_random_bytes(stele_runtime_system(), &seed, sizeof seed);
    STELE_AUTO_VALUE(move) m = {.cli = cli, .source = source, .topic = topic};
    m.keys = stele_table_new(sizeof(moved_key), seed);
    stele_status status = run(&m, err);
    stele_meter_clear(&m.meter);
    if (status == STELE_E_FENCED)
        stele_fail(err, status, STELE_NEXT_STOP,
                   "another import or copy into %s has begun: one at a time", topic->name);
    counts->present = m.present;
    counts->added = m.writer == NULL ? 0 : stele_move_writer_added(m.writer);
    return status;
}

stele_exit stele_move_report(stele_cli *cli, const stele_move_source *source,
                             const stele_cli_topic *topic, const stele_move_counts *counts,
                             stele_status status, const stele_error *err)
{
    if (status < 0) stele_cli_fail_error(cli, err);
    if (cli->json)
        stele_cli_print(cli->out, "{\"added\":%" PRId64 ",\"present\":%" PRId64 "}", counts->added,
                        counts->present);
    else if (status == STELE_OK || counts->added > 0)
        stele_cli_print(cli->err,
                        "%s: %" PRId64 " event%s added to %s, %" PRId64 " %s there already",
                        source->name, counts->added, counts->added == 1 ? "" : "s", topic->name,
                        counts->present, counts->present == 1 ? "was" : "were");
    if (status == STELE_OK) return STELE_EXIT_DONE;
    bool goes_on =
        status != STELE_E_CONFLICT && status != STELE_E_HOLE && status != STELE_E_INVALID;
    if (goes_on) stele_cli_print(cli->err, "the same command goes on where this one ended");
    return STELE_EXIT_FAILED;
}
