/* SPDX-License-Identifier: MIT
 * Writes events to a file. The bytes of an event are on Kafka as they are in the file, so nothing
 * is encoded again. */
#include <inttypes.h>
#include <zlib.h>

#include "cli/event_file.h"
#include "core/alloc.h"
#include "core/text.h"
#include "registry/wire.h"
#include "schemas/schema_text.h"

enum { FIRST_BRANCH = 2 };

static const char schema_begin[] =
    "{\"type\":\"record\",\"name\":\"SteleEvent\",\"doc\":\"An event of a topic, with all that its "
    "record has.\",\"fields\":["
    "{\"name\":\"partition\",\"type\":\"int\"},"
    "{\"name\":\"offset\",\"type\":\"long\"},"
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"key\",\"type\":[\"null\",\"bytes\"],\"doc\":\"The aggregate's id.\"},"
    "{\"name\":\"headers\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
    "\"SteleHeader\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"value\",\"type\":[\"null\",\"bytes\"]}]}}},"
    "{\"name\":\"type\",\"type\":[\"null\",\"string\"],\"doc\":\"Full name of the event's record, "
    "as it was registered.\"},"
    "{\"name\":\"schema\",\"type\":[\"null\",\"int\"],\"doc\":\"Its id, as in stele.schemas of the "
    "file's metadata.\"},"
    "{\"name\":\"size\",\"type\":\"long\",\"doc\":\"Bytes of the event.\"},"
    "{\"name\":\"data\",\"doc\":\"The event; null: a tombstone; bytes: a value that is not what "
    "its schema says.\",\"type\":[\"null\",\"bytes\"";

static const char schema_end[] = "]},{\"name\":\"crc\",\"type\":\"int\",\"doc\":\"CRC-32 of all "
                                 "bytes of this record before it.\"}]}";

struct stele_event_file_writer {
    stele_container_writer *container;
    const char *name;
    stele_event_schemas *schemas;
    int64_t promised, put;
};

/* null|T: the branch, and the value if there is one */
static void append_optional(stele_buffer *out, stele_bytes bytes)
{
    stele_container_append_long(out, bytes.data != NULL);
    if (bytes.data != NULL) stele_container_append_bytes(out, bytes);
}

/* ---- the head ---- */

static void write_schema(stele_event_schemas *schemas, stele_buffer *out)
{
    STELE_AUTO(stele_schema_document) document = stele_schema_document_new();
    stele_schema_document_reserve(document, "SteleEvent");
    stele_schema_document_reserve(document, "SteleHeader");
    stele_buffer_append(out, stele_text(schema_begin));
    int32_t branch = FIRST_BRANCH;
    for (size_t i = 0; i < schemas->count; i++) {
        stele_event_schema *each = schemas->items[i];
        each->branch = 0;
        if (each->plan == NULL || !stele_node_is_named(stele_schema_root(each->schema))) continue;
        each->branch = branch++;
        STELE_AUTO(char) prefix = stele_strdup_format("schema%d.", (int)each->id);
        stele_buffer_push(out, ',');
        stele_schema_document_write(document, each->schema, prefix, out);
    }
    stele_buffer_append(out, stele_text(schema_end));
}

static void write_schemas(const stele_event_schemas *schemas, stele_buffer *out)
{
    for (size_t i = 0; i < schemas->count; i++) {
        const stele_event_schema *each = schemas->items[i];
        if (each->schema == NULL) continue;
        stele_buffer_format(out,
                            "%c{\"id\":%d,\"branch\":%d,\"schema\":", out->size == 0 ? '[' : ',',
                            (int)each->id, (int)each->branch);
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        stele_schema_write(each->schema, &text);
        stele_tree_write_string(stele_buffer_view(&text), out);
        stele_buffer_push(out, '}');
    }
    if (out->size == 0) stele_buffer_push(out, '[');
    stele_buffer_push(out, ']');
}

static void write_ranges(const stele_event_range *ranges, size_t count, stele_buffer *out)
{
    stele_buffer_push(out, '[');
    for (size_t i = 0; i < count; i++) {
        const stele_event_range *each = &ranges[i];
        stele_buffer_format(out, "%s{\"partition\":%d,\"from\":%" PRId64 ",\"until\":%" PRId64,
                            i == 0 ? "" : ",", (int)each->partition, each->from, each->until);
        if (each->last >= 0)
            stele_buffer_format(out, ",\"last\":%" PRId64 ",\"hash\":\"%" PRId64 "\"", each->last,
                                each->last_hash);
        stele_buffer_push(out, '}');
    }
    stele_buffer_push(out, ']');
}

stele_status stele_event_file_writer_new(const stele_event_file_options *options,
                                         stele_event_file_writer **out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) schema = {0};
    STELE_AUTO_VALUE(stele_buffer) schemas = {0};
    STELE_AUTO_VALUE(stele_buffer) ranges = {0};
    STELE_AUTO_VALUE(stele_buffer) events = {0};
    write_schema(options->schemas, &schema);
    write_schemas(options->schemas, &schemas);
    write_ranges(options->ranges, options->range_count, &ranges);
    stele_buffer_format(&events, "%" PRId64, options->events);
    const stele_container_entry metadata[] = {
        {"avro.schema", stele_buffer_view(&schema)},
        {"stele.format", stele_text("1")},
        {"stele.topic", stele_text(options->topic)},
        {"stele.events", stele_buffer_view(&events)},
        {"stele.ranges", stele_buffer_view(&ranges)},
        {"stele.schemas", stele_buffer_view(&schemas)},
        {"stele.key", options->key}, /* the last one: not where it has all */
    };
    stele_container_options container = {.file = options->file,
                                         .name = options->name,
                                         .metadata = metadata,
                                         .metadata_count = sizeof metadata / sizeof metadata[0] -
                                                           (options->key.data == NULL),
                                         .codec = options->codec};
    stele_random_bytes(options->runtime, container.sync, sizeof container.sync);
    STELE_AUTO(stele_event_file_writer) writer = stele_alloc(sizeof *writer);
    writer->name = options->name;
    writer->schemas = options->schemas;
    writer->promised = options->events;
    stele_status status = stele_container_writer_new(&container, &writer->container, err);
    if (status < 0) return status;
    *out = writer;
    writer = NULL;
    return STELE_OK;
}

void stele_event_file_writer_free(stele_event_file_writer *writer)
{
    if (writer == NULL) return;
    stele_container_writer_free(writer->container);
    free(writer);
}

/* ---- events ---- */

static stele_status append_headers(const stele_moved_event *event, stele_buffer *out,
                                   stele_error *err)
{
    if (event->header_count > 0) stele_container_append_long(out, (int64_t)event->header_count);
    for (size_t i = 0; i < event->header_count; i++) {
        stele_bytes name = stele_text(event->headers[i].name);
        if (!stele_utf8_is_valid(name))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%d/%" PRId64 ": the name of a header, %s, is not UTF-8",
                              (int)event->partition, event->offset, stele_quote(name).text);
        stele_container_append_bytes(out, name);
        append_optional(out, event->headers[i].value);
    }
    stele_container_append_long(out, 0);
    return STELE_OK;
}

/* The branch of the event, and what is written of it: the bytes behind the schema's id, or, where
 * they are not what the schema says, the value as it is. */
static int32_t branch_of(stele_event_file_writer *writer, const stele_moved_event *event,
                         const stele_event_schema **schema, stele_bytes *written)
{
    int32_t id;
    stele_bytes payload;
    *schema = NULL;
    *written = event->value;
    if (event->value.data == NULL) return 0;
    if (!stele_wire_split(event->value, &id, &payload)) return 1;
    const stele_event_schema *found = stele_event_schemas_find(writer->schemas, id);
    if (found == NULL || found->schema == NULL) return 1;
    *schema = found;
    if (found->branch == 0 || stele_event_schemas_check(writer->schemas, found, payload, NULL) < 0)
        return 1;
    *written = payload;
    return found->branch;
}

stele_status stele_event_file_put(stele_event_file_writer *writer, const stele_moved_event *event,
                                  bool *is_raw, stele_error *err)
{
    stele_buffer *out = stele_container_datum(writer->container);
    size_t begin = out->size;
    stele_container_append_long(out, event->partition);
    stele_container_append_long(out, event->offset);
    stele_container_append_long(out, event->time_ms);
    append_optional(out, event->key);
    stele_status status = append_headers(event, out, err);
    if (status < 0) return status;
    const stele_event_schema *schema;
    stele_bytes written;
    int32_t branch = branch_of(writer, event, &schema, &written);
    append_optional(out, stele_text(schema == NULL ? NULL : stele_schema_name(schema->schema)));
    stele_container_append_long(out, schema != NULL);
    if (schema != NULL) stele_container_append_long(out, schema->id);
    stele_container_append_long(out, (int64_t)written.size);
    stele_container_append_long(out, branch);
    if (branch == 1)
        stele_container_append_bytes(out, written);
    else
        stele_buffer_append(out, written);
    stele_container_append_long(out, (int32_t)crc32_z(0, out->data + begin, out->size - begin));
    *is_raw = branch == 1;
    writer->put++;
    return stele_container_put(writer->container, err);
}

stele_status stele_event_file_finish(stele_event_file_writer *writer, stele_error *err)
{
    if (writer->put != writer->promised)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s: %" PRId64 " events were counted, and %" PRId64
                          " read: events were deleted or compacted meanwhile; export again",
                          writer->name, writer->promised, writer->put);
    return stele_container_finish(writer->container, err);
}
