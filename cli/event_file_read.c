/* SPDX-License-Identifier: MIT
 * Reads events from a file that may be anything: what it says of itself is checked before it is
 * believed, and every event is one of its schema. */
#include <inttypes.h>
#include <zlib.h>

#include <stele/generated.h>

#include "cli/event_file.h"
#include "core/alloc.h"
#include "core/text.h"
#include "registry/wire.h"
#include "schemas/schema_text.h"

enum { HEADERS_MAX = 10000, LIST_MAX = 100000, FIRST_BRANCH = 2, HEADER_MIN = 2 };

struct stele_event_file_reader {
    stele_container_reader *container;
    const char *name;
    char *topic;
    int64_t promised, taken;
    stele_event_schemas schemas;
    stele_event_schema **branches; /* by branch - FIRST_BRANCH; borrowed */
    size_t branch_count;
    stele_event_range *ranges;
    size_t range_count;

    /* Of the block, and of the event that is read. */
    stele_container_block block;
    const uint8_t *at, *end;
    int64_t left;
    stele_header *headers;
    size_t header_capacity;
    stele_buffer names; /* of headers, each with a NUL behind it */
    stele_buffer value;
};

static stele_status bad_head(const stele_event_file_reader *reader, const char *entry,
                             const char *why, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: what its head says under %s %s: only files that stele export has made "
                      "can be imported, and not what another program has written of them",
                      reader->name, entry, why);
}

/* Where an event is not as the file's schema has it. */
static stele_status bad_event(const stele_event_file_reader *reader, const char *why,
                              stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: event %" PRId64 " of the block that begins at byte %" PRId64
                      ": %s: the file is damaged; take another copy of it, or export again",
                      reader->name, reader->block.count - reader->left, reader->block.position,
                      why);
}

/* ---- the head ---- */

static stele_status read_number(stele_event_file_reader *reader, const char *entry, int64_t max,
                                int64_t *out, stele_error *err)
{
    stele_bytes text = stele_container_metadata(reader->container, entry);
    if (text.data == NULL) return bad_head(reader, entry, "is missing", err);
    if (stele_parse_int64(text, 0, max, out, NULL) < 0)
        return bad_head(reader, entry, "is no number that it can be", err);
    return STELE_OK;
}

static stele_status read_schema(stele_event_file_reader *reader, const stele_tree *tree,
                                stele_error *err)
{
    static const char *const entry = "stele.schemas";
    int64_t id;
    int64_t branch;
    const stele_tree *text = stele_tree_get(tree, "schema");
    if (!stele_tree_integer(stele_tree_get(tree, "id"), &id) || id <= 0 || id > INT32_MAX ||
        !stele_tree_integer(stele_tree_get(tree, "branch"), &branch) || branch < 0 ||
        branch > LIST_MAX || !stele_tree_is(text, STELE_TREE_STRING))
        return bad_head(reader, entry, "has an item without a schema, its id and its branch", err);
    if (stele_event_schemas_find(&reader->schemas, (int32_t)id) != NULL)
        return bad_head(reader, entry, "has an id twice", err);
    STELE_AUTO(char) name = stele_strdup_format("%s: schema %" PRId64, reader->name, id);
    stele_schema_options options = {.name = name};
    stele_schema *schema = NULL;
    stele_error why;
    stele_status status = stele_schema_parse(text->text, &options, &schema, &why);
    if (status < 0) return stele_fail(err, status, STELE_NEXT_STOP, "%s", why.text);
    stele_event_schema *one = stele_event_schemas_add(&reader->schemas, (int32_t)id, schema);
    if (branch == 0) return STELE_OK;
    if (one->plan == NULL || branch != (int64_t)reader->branch_count + FIRST_BRANCH)
        return bad_head(reader, entry, "has a branch that is not in its place", err);
    one->branch = (int32_t)branch;
    reader->branches = stele_realloc_array(reader->branches, reader->branch_count + 1,
                                           sizeof(stele_event_schema *));
    reader->branches[reader->branch_count++] = one;
    return STELE_OK;
}

static bool read_last(const stele_tree *tree, stele_event_range *out)
{
    const stele_tree *hash = stele_tree_get(tree, "hash");
    return stele_tree_integer(stele_tree_get(tree, "last"), &out->last) && out->last >= 0 &&
           out->last < out->until && stele_tree_is(hash, STELE_TREE_STRING) &&
           stele_parse_int64(hash->text, INT64_MIN, INT64_MAX, &out->last_hash, NULL) == STELE_OK;
}

static stele_status read_range(stele_event_file_reader *reader, const stele_tree *tree,
                               stele_error *err)
{
    int64_t partition;
    int64_t from;
    int64_t until;
    if (!stele_tree_integer(stele_tree_get(tree, "partition"), &partition) || partition < 0 ||
        partition > INT32_MAX || !stele_tree_integer(stele_tree_get(tree, "from"), &from) ||
        from < 0 || !stele_tree_integer(stele_tree_get(tree, "until"), &until) || until < from)
        return bad_head(reader, "stele.ranges", "has an item that is no part of a partition", err);
    stele_event_range read = {
        .partition = (int32_t)partition, .from = from, .until = until, .last = -1};
    if (stele_tree_get(tree, "last") != NULL && !read_last(tree, &read))
        return bad_head(reader, "stele.ranges", "has a last event that is none", err);
    reader->ranges =
        stele_realloc_array(reader->ranges, reader->range_count + 1, sizeof *reader->ranges);
    reader->ranges[reader->range_count++] = read;
    return STELE_OK;
}

static stele_status read_list(stele_event_file_reader *reader, const char *entry,
                              stele_status (*item)(stele_event_file_reader *, const stele_tree *,
                                                   stele_error *),
                              stele_error *err)
{
    stele_bytes text = stele_container_metadata(reader->container, entry);
    if (text.data == NULL) return bad_head(reader, entry, "is missing", err);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_tree_problem problem;
    const stele_tree *tree = stele_tree_parse(text, NULL, arena, &problem);
    if (!stele_tree_is(tree, STELE_TREE_ARRAY) || tree->count > LIST_MAX)
        return bad_head(reader, entry, "is no list that it can be", err);
    stele_status status = STELE_OK;
    for (size_t i = 0; status == STELE_OK && i < tree->count; i++)
        status = item(reader, stele_tree_at(tree, i), err);
    return status;
}

static stele_status read_head(stele_event_file_reader *reader, stele_error *err)
{
    int64_t format;
    stele_status status = read_number(reader, "stele.format", 1, &format, err);
    if (status == STELE_OK && format != 1)
        return bad_head(reader, "stele.format", "is no version of it", err);
    if (status == STELE_OK)
        status = read_number(reader, "stele.events", INT64_MAX, &reader->promised, err);
    if (status == STELE_OK) status = read_list(reader, "stele.schemas", read_schema, err);
    if (status == STELE_OK) status = read_list(reader, "stele.ranges", read_range, err);
    if (status < 0) return status;
    stele_bytes topic = stele_container_metadata(reader->container, "stele.topic");
    if (topic.data == NULL) return bad_head(reader, "stele.topic", "is missing", err);
    reader->topic = stele_strndup((const char *)topic.data, topic.size);
    return STELE_OK;
}

stele_status stele_event_file_reader_new(FILE *file, const char *name,
                                         stele_event_file_reader **out, stele_error *err)
{
    STELE_AUTO(stele_event_file_reader) reader = stele_alloc(sizeof *reader);
    reader->name = name;
    stele_status status = stele_container_reader_new(file, name, &reader->container, err);
    if (status == STELE_OK) status = read_head(reader, err);
    if (status < 0) return status;
    *out = reader;
    reader = NULL;
    return STELE_OK;
}

void stele_event_file_reader_free(stele_event_file_reader *reader)
{
    if (reader == NULL) return;
    stele_container_reader_free(reader->container);
    stele_event_schemas_clear(&reader->schemas);
    free(reader->branches);
    free(reader->ranges);
    free(reader->topic);
    free(reader->headers);
    stele_buffer_clear(&reader->names);
    stele_buffer_clear(&reader->value);
    free(reader);
}

stele_event_schemas *stele_event_file_schemas(stele_event_file_reader *reader)
{
    return &reader->schemas;
}

const char *stele_event_file_topic(const stele_event_file_reader *reader)
{
    return reader->topic;
}

stele_bytes stele_event_file_key(const stele_event_file_reader *reader)
{
    return stele_container_metadata(reader->container, "stele.key");
}

int64_t stele_event_file_count(const stele_event_file_reader *reader)
{
    return reader->promised;
}

const stele_event_range *stele_event_file_ranges(const stele_event_file_reader *reader,
                                                 size_t *count)
{
    *count = reader->range_count;
    return reader->ranges;
}

/* ---- pieces; NULL or false: not what it should be ---- */

static bool take_long(stele_event_file_reader *reader, int64_t min, int64_t max, int64_t *out)
{
    const uint8_t *next = stele_read_long(reader->at, reader->end, out);
    if (next == NULL || *out < min || *out > max) return false;
    reader->at = next;
    return true;
}

static bool take_bytes(stele_event_file_reader *reader, stele_bytes *out)
{
    const uint8_t *next = stele_read_bytes(reader->at, reader->end, out);
    if (next == NULL) return false;
    reader->at = next;
    return true;
}

static bool take_optional(stele_event_file_reader *reader, stele_bytes *out)
{
    int64_t branch;
    *out = (stele_bytes){NULL, 0};
    return take_long(reader, 0, 1, &branch) && (branch == 0 || take_bytes(reader, out));
}

/* The names are put together first, and pointed to when their place is known. */
static bool take_header(stele_event_file_reader *reader, stele_moved_event *event)
{
    stele_bytes name;
    if (event->header_count == HEADERS_MAX || !take_bytes(reader, &name) ||
        (name.size > 0 && memchr(name.data, '\0', name.size) != NULL))
        return false;
    if (event->header_count == reader->header_capacity) {
        reader->header_capacity = reader->header_capacity == 0 ? 16 : reader->header_capacity * 2;
        reader->headers =
            stele_realloc_array(reader->headers, reader->header_capacity, sizeof *reader->headers);
    }
    stele_buffer_append(&reader->names, name);
    stele_buffer_push(&reader->names, '\0');
    return take_optional(reader, &reader->headers[event->header_count++].value);
}

static bool take_headers(stele_event_file_reader *reader, stele_moved_event *event)
{
    stele_buffer_reset(&reader->names);
    for (;;) {
        int64_t count;
        int64_t size;
        if (!take_long(reader, -HEADERS_MAX, HEADERS_MAX, &count)) return false;
        if (count < 0 && !take_long(reader, 0, INT64_MAX, &size)) return false;
        if (count == 0) break;
        for (int64_t i = count < 0 ? -count : count; i > 0; i--)
            if (!take_header(reader, event)) return false;
    }
    const char *name = (const char *)stele_buffer_view(&reader->names).data;
    for (size_t i = 0; i < event->header_count; i++) {
        reader->headers[i].name = name;
        name += strlen(name) + 1;
    }
    event->headers = reader->headers;
    return true;
}

/* ---- the value ---- */

/* A value that is not as its schema says keeps its bytes, but for the id in them. */
static void take_raw(stele_event_file_reader *reader, const stele_event_schema *schema,
                     stele_bytes raw, stele_moved_event *event)
{
    int32_t id;
    stele_bytes payload;
    event->value = raw;
    if (schema == NULL || !stele_wire_split(raw, &id, &payload)) return;
    stele_buffer_reset(&reader->value);
    stele_wire_begin(&reader->value, schema->target);
    stele_buffer_append(&reader->value, payload);
    event->value = stele_buffer_view(&reader->value);
}

static stele_status take_payload(stele_event_file_reader *reader, const stele_event_schema *schema,
                                 int64_t branch, int64_t size, stele_moved_event *event,
                                 stele_error *err)
{
    if (schema == NULL || schema->branch != branch)
        return bad_event(reader, "its data are not of its schema", err);
    stele_bytes payload = stele_bytes_of(reader->at, (size_t)size);
    stele_error why;
    if (stele_event_schemas_check(&reader->schemas, schema, payload, &why) < 0)
        return bad_event(reader, why.text, err);
    reader->at += size;
    stele_buffer_reset(&reader->value);
    stele_wire_begin(&reader->value, schema->target);
    stele_buffer_append(&reader->value, payload);
    event->value = stele_buffer_view(&reader->value);
    return STELE_OK;
}

static stele_status take_data(stele_event_file_reader *reader, const stele_event_schema *schema,
                              int64_t size, stele_moved_event *event, stele_error *err)
{
    int64_t branch;
    if (!take_long(reader, 0, (int64_t)reader->branch_count + 1, &branch) ||
        size > reader->end - reader->at)
        return bad_event(reader, "its data are not whole", err);
    if (branch >= FIRST_BRANCH) return take_payload(reader, schema, branch, size, event, err);
    stele_bytes raw = {NULL, 0};
    if (branch == 1 && !take_bytes(reader, &raw))
        return bad_event(reader, "its data are not whole", err);
    if (raw.size != (size_t)size) return bad_event(reader, "its data have another size", err);
    if (branch == 1) take_raw(reader, schema, raw, event);
    return STELE_OK;
}

/* Deflate has no checksum of its own. */
static stele_status check_crc(stele_event_file_reader *reader, const uint8_t *begin,
                              stele_error *err)
{
    size_t size = (size_t)(reader->at - begin);
    int64_t crc;
    if (!take_long(reader, INT32_MIN, INT32_MAX, &crc))
        return bad_event(reader, "it is not whole", err);
    if (crc == (int32_t)crc32_z(0, begin, size)) return STELE_OK;
    return bad_event(reader, "its checksum is wrong", err);
}

static stele_status take_event(stele_event_file_reader *reader, stele_moved_event *event,
                               stele_error *err)
{
    const uint8_t *begin = reader->at;
    int64_t partition;
    int64_t has_schema;
    int64_t id = 0;
    int64_t size;
    stele_bytes type;
    *event = (stele_moved_event){0};
    if (!take_long(reader, 0, INT32_MAX, &partition) ||
        !take_long(reader, 0, INT64_MAX, &event->offset) ||
        !take_long(reader, INT64_MIN, INT64_MAX, &event->time_ms) ||
        !take_optional(reader, &event->key) || !take_headers(reader, event) ||
        !take_optional(reader, &type) || !take_long(reader, 0, 1, &has_schema) ||
        (has_schema == 1 && !take_long(reader, 1, INT32_MAX, &id)) ||
        !take_long(reader, 0, INT64_MAX, &size))
        return bad_event(reader, "it is not whole", err);
    event->partition = (int32_t)partition;
    const stele_event_schema *schema = stele_event_schemas_find(&reader->schemas, (int32_t)id);
    if (has_schema == 1 && schema == NULL)
        return bad_event(reader, "the file does not have its schema", err);
    stele_status status = take_data(reader, schema, size, event, err);
    return status < 0 ? status : check_crc(reader, begin, err);
}

int stele_event_file_next(stele_event_file_reader *reader, stele_moved_event *out, stele_error *err)
{
    while (reader->left == 0) {
        if (reader->at != reader->end) return bad_event(reader, "there is more behind it", err);
        int got = stele_container_next(reader->container, &reader->block, err);
        if (got < 0) return got;
        if (got == 0 && reader->taken != reader->promised)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s: it has %" PRId64 " events, and its head says %" PRId64
                              ": it was cut off; take another copy of it, or export again",
                              reader->name, reader->taken, reader->promised);
        if (got == 0) return 0;
        reader->left = reader->block.count;
        reader->at = reader->block.data.data;
        reader->end = reader->at + reader->block.data.size;
    }
    reader->left--;
    stele_status status = take_event(reader, out, err);
    if (status < 0) return status;
    reader->taken++;
    return 1;
}
