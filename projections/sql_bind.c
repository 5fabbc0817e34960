/* SPDX-License-Identifier: MIT
 * Parameters compiled to steps through a value, and the values at their ends. */
#include "projections/sql_bind.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/suggest.h"
#include "core/text.h"
#include "projections/sql_value.h"
#include "schemas/layout.h"

/* What a parameter stands for. */
typedef enum meaning {
    OF_EVENT = 0, /* a path into the event */
    OF_ITEM,      /* a path into the item that is walked */
    ITEM_INDEX,
    ITEM_KEY, /* of a map's entry */
    RECORD_KEY,
    RECORD_VERSION,
    RECORD_TIME,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PARTITION,
    RECORD_TOPIC,
    RECORD_POSITION,
    EVENT_TYPE,
    EVENT_DATA
} meaning;

static const struct {
    const char *name;
    meaning means;
} specials[] = {
    {"$key", RECORD_KEY},     {"$version", RECORD_VERSION},   {"$time", RECORD_TIME},
    {"$id", RECORD_ID},       {"$offset", RECORD_OFFSET},     {"$partition", RECORD_PARTITION},
    {"$topic", RECORD_TOPIC}, {"$position", RECORD_POSITION}, {"$type", EVENT_TYPE},
    {"$data", EVENT_DATA},    {"$index", ITEM_INDEX},         {"$entry", ITEM_KEY}};
#define SPECIALS "$key, $version, $time, $id, $offset, $partition, $topic, $position, $type, $data"

/* One name of a path: a field, of a record or of the one branch of a union that has it, or the key
 * of a map. */
typedef struct step {
    const stele_member *member; /* NULL: a key */
    int32_t branch;             /* of the union that the record is in; -1: it is in none */
    uint32_t branch_offset;
    bool branch_is_pointer;
    const stele_layout *map;
    stele_bytes key; /* view into the path */
} step;

typedef struct route {
    meaning means;
    step *steps;
    size_t count;
    const stele_layout *layout; /* of what is at the end; NULL: always null */
} route;

typedef struct bound_statement {
    route *routes;
    size_t count;
} bound_statement;

struct stele_sql_bind {
    bound_statement *statements;
    size_t count;
    bool walks;
    route items; /* to the array or map that is walked */
};

/* ---- compiling ---- */

typedef struct compiler {
    const stele_sql_file *file;
    const stele_sql_block *block;
    const stele_type *type;
    const char *path;
    int line;
    stele_error *err;
} compiler;

static stele_status fail(const compiler *c, const char *format, ...) STELE_PRINTF(2, 3);

static stele_status fail(const compiler *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    STELE_AUTO(char) why = stele_strdup_vformat(format, arguments);
    va_end(arguments);
    return stele_fail(c->err, STELE_E_INVALID, STELE_NEXT_STOP, "%s:%d: :%s: %s", c->file->path,
                      c->line, c->path, why);
}

static const stele_member *find_field(const stele_layout *record, stele_bytes name)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (stele_bytes_equal(stele_text(record->members[i].name), name))
            return &record->members[i];
    return NULL;
}

static stele_status fail_unknown(const compiler *c, const stele_layout *record, stele_bytes name)
{
    stele_suggestion near = {.word = name};
    STELE_AUTO_VALUE(stele_buffer) fields = {0};
    for (uint32_t i = 0; i < record->count; i++) {
        stele_suggestion_offer(&near, record->members[i].name);
        stele_buffer_format(&fields, "%s%s", i == 0 ? "" : ", ", record->members[i].name);
    }
    if (near.best != NULL)
        return fail(c, "%s has no field %s; did you mean %s?", record->name, stele_quote(name).text,
                    near.best);
    return fail(c, "%s has no field %s, it has %s", record->name, stele_quote(name).text,
                record->count == 0 ? "none" : stele_buffer_text(&fields));
}

/* The one record among the branches of a union that has the field. */
static stele_status find_branch(const compiler *c, const stele_layout *of, stele_bytes name,
                                step *out)
{
    *out = (step){.branch = -1};
    for (uint32_t i = 0; i < of->count; i++) {
        const stele_member *branch = &of->members[i];
        if (branch->layout == NULL || branch->layout->kind != STELE_KIND_RECORD) continue;
        const stele_member *field = find_field(branch->layout, name);
        if (field == NULL) continue;
        if (out->member != NULL)
            return fail(c,
                        "several branches of the union have a field %s: bind the whole union, "
                        "and take it out of the JSON",
                        stele_quote(name).text);
        *out = (step){.member = field,
                      .branch = (int32_t)i,
                      .branch_offset = branch->offset,
                      .branch_is_pointer = branch->pointer};
    }
    if (out->member == NULL)
        return fail(c, "no branch of the union has a field %s", stele_quote(name).text);
    return STELE_OK;
}

static const char *kind_name(const stele_layout *layout)
{
    static const char *const names[] = {"null",   "boolean", "int",    "long",  "float",
                                        "double", "bytes",   "string", "fixed", "enum"};
    return layout->kind < sizeof names / sizeof names[0] ? names[layout->kind] : "value";
}

/* @param at  of what the path has led to; afterwards of what the step leads to */
static stele_status take_step(const compiler *c, const stele_layout **at, stele_bytes name,
                              step *out)
{
    const stele_layout *from = *at;
    *out = (step){.branch = -1};
    switch (from->kind) {
    case STELE_KIND_RECORD:
        out->member = find_field(from, name);
        if (out->member == NULL) return fail_unknown(c, from, name);
        break;
    case STELE_KIND_UNION: {
        stele_status status = find_branch(c, from, name, out);
        if (status < 0) return status;
        break;
    }
    case STELE_KIND_MAP:
        *out = (step){.branch = -1, .map = from, .key = name};
        *at = from->item->layout;
        return STELE_OK;
    case STELE_KIND_ARRAY:
        return fail(c, "%s is in the items of an array: walk them with `-- on %s each PATH`",
                    stele_quote(name).text, c->block->type);
    default:
        return fail(c, "%s is in a %s, which has no fields", stele_quote(name).text,
                    kind_name(from));
    }
    *at = out->member->layout;
    return STELE_OK;
}

static stele_status compile_path(const compiler *c, const stele_layout *from, const char *path,
                                 route *out)
{
    const stele_layout *at = from;
    while (*path != '\0') {
        size_t size = strcspn(path, ".");
        if (at == NULL) return fail(c, "it is always null");
        step made;
        stele_status status = take_step(c, &at, stele_bytes_of(path, size), &made);
        if (status < 0) return status;
        out->steps = stele_realloc_array(out->steps, out->count + 1, sizeof *out->steps);
        out->steps[out->count++] = made;
        path += size + (path[size] == '.');
    }
    out->layout = at;
    return STELE_OK;
}

/* The rest of a path within what is walked; NULL: it is elsewhere. */
static const char *within_item(const compiler *c, const char *path)
{
    if (c->block->each == NULL) return NULL;
    size_t size = strlen(c->block->each);
    if (strncmp(path, c->block->each, size) != 0) return NULL;
    return path[size] == '\0' ? path + size : path[size] == '.' ? path + size + 1 : NULL;
}

static stele_status compile_special(const compiler *c, const stele_sql_bind *bind, route *out)
{
    size_t count = sizeof specials / sizeof specials[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(specials[i].name, c->path) != 0) continue;
        out->means = specials[i].means;
        bool is_item = out->means == ITEM_INDEX || out->means == ITEM_KEY;
        if (is_item && !bind->walks)
            return fail(c, "nothing is walked here: that is for `-- on TYPE each PATH`");
        if (out->means == ITEM_KEY && bind->items.layout->kind != STELE_KIND_MAP)
            return fail(c, "what is walked is an array, its items have an :$index");
        return STELE_OK;
    }
    return fail(c, "there is no such parameter: there are " SPECIALS);
}

static stele_status compile_parameter(const compiler *c, const stele_sql_bind *bind, route *out)
{
    if (c->path[0] == '$') return compile_special(c, bind, out);
    if (c->type == NULL)
        return fail(c, "events of any type have no fields in common: there are " SPECIALS);
    const char *rest = within_item(c, c->path);
    out->means = rest == NULL ? OF_EVENT : OF_ITEM;
    return rest == NULL ? compile_path(c, c->type->layout, c->path, out)
                        : compile_path(c, bind->items.layout->item->layout, rest, out);
}

static stele_status compile_walk(compiler *c, stele_sql_bind *bind)
{
    c->path = c->block->each;
    c->line = c->block->line;
    bind->walks = true;
    stele_status status = compile_path(c, c->type->layout, c->path, &bind->items);
    if (status < 0) return status;
    const stele_layout *layout = bind->items.layout;
    if (layout == NULL || (layout->kind != STELE_KIND_ARRAY && layout->kind != STELE_KIND_MAP))
        return fail(c, "it is neither an array nor a map, so it has no items to walk");
    return STELE_OK;
}

static stele_status compile_block(compiler *c, stele_sql_bind *bind)
{
    stele_status status = STELE_OK;
    if (c->block->each != NULL && (status = compile_walk(c, bind)) < 0) return status;
    for (size_t i = 0; i < c->block->statement_count; i++) {
        const stele_sql_statement *statement = &c->block->statements[i];
        bound_statement *bound = &bind->statements[i];
        bound->routes = stele_alloc_array(statement->parameter_count + 1, sizeof *bound->routes);
        bound->count = statement->parameter_count;
        for (size_t k = 0; k < bound->count; k++) {
            c->path = statement->parameters[k].path;
            c->line = statement->parameters[k].line;
            if ((status = compile_parameter(c, bind, &bound->routes[k])) < 0) return status;
        }
    }
    return STELE_OK;
}

stele_status stele_sql_bind_new(const stele_sql_file *file, const stele_sql_block *block,
                                const stele_type *type, stele_sql_bind **out, stele_error *err)
{
    STELE_AUTO(stele_sql_bind) bind = stele_alloc(sizeof *bind);
    bind->count = block->statement_count;
    bind->statements = stele_alloc_array(bind->count + 1, sizeof *bind->statements);
    compiler c = {.file = file, .block = block, .type = type, .err = err};
    stele_status status = compile_block(&c, bind);
    if (status < 0) return status;
    *out = bind;
    bind = NULL;
    return STELE_OK;
}

stele_sql_type stele_sql_bind_type(const stele_sql_bind *bind, size_t statement, size_t parameter)
{
    const route *of = &bind->statements[statement].routes[parameter];
    switch (of->means) {
    case OF_EVENT:
    case OF_ITEM:
        return stele_sql_type_of(of->layout);
    case ITEM_INDEX:
    case RECORD_VERSION:
    case RECORD_OFFSET:
        return STELE_SQL_TYPE_LONG;
    case RECORD_PARTITION:
        return STELE_SQL_TYPE_INT;
    case RECORD_TIME:
        return STELE_SQL_TYPE_TIMESTAMP;
    case EVENT_DATA:
        return STELE_SQL_TYPE_JSON;
    default:
        return STELE_SQL_TYPE_TEXT;
    }
}

void stele_sql_bind_free(stele_sql_bind *bind)
{
    if (bind == NULL) return;
    for (size_t i = 0; i < bind->count; i++) {
        bound_statement *statement = &bind->statements[i];
        for (size_t k = 0; k < statement->count; k++)
            free(statement->routes[k].steps);
        free(statement->routes);
    }
    free(bind->items.steps);
    free(bind->statements);
    free(bind);
}

/* ---- following ---- */

static const uint8_t *find_entry(const step *of, const uint8_t *value)
{
    stele_map map;
    memcpy(&map, value, sizeof map);
    for (size_t i = 0; i < map.count; i++) {
        const uint8_t *entry = (const uint8_t *)map.entries + i * of->map->stride;
        if (stele_bytes_equal(stele_load_bytes(entry), of->key))
            return stele_sql_load(of->map->item, entry);
    }
    return NULL;
}

static const uint8_t *follow_step(const step *of, const uint8_t *value)
{
    if (of->map != NULL) return find_entry(of, value);
    if (of->branch >= 0) {
        if (stele_load_branch(value) != (uint32_t)of->branch) return NULL;
        value += of->branch_offset;
        if (of->branch_is_pointer) value = stele_load_pointer(value);
    }
    return value == NULL ? NULL : stele_sql_load(of->member, value);
}

static const uint8_t *follow(const route *of, const uint8_t *value)
{
    for (size_t i = 0; i < of->count && value != NULL; i++)
        value = follow_step(&of->steps[i], value);
    return value;
}

/* ---- values ---- */

/* What the values of one event are made with. */
typedef struct maker {
    const stele_sql_event *event;
    stele_arena *arena;
    stele_buffer room;
    const uint8_t *item; /* that is walked; NULL: it is null, or nothing is walked */
    stele_bytes entry;   /* its key in a map */
    size_t index;
    stele_error *err;
} maker;

static stele_sql_value integer(int64_t value)
{
    return (stele_sql_value){.kind = STELE_SQL_INTEGER, .as.integer = value};
}

static stele_sql_value keep(maker *m, stele_sql_kind kind, stele_bytes bytes)
{
    return stele_sql_value_keep(m->arena, kind, bytes);
}

static stele_sql_value keep_room(maker *m)
{
    return keep(m, STELE_SQL_TEXT, stele_buffer_view(&m->room));
}

static stele_status make_value(maker *m, const stele_layout *layout, const uint8_t *value,
                               stele_sql_value *out)
{
    return stele_sql_value_make(layout, value, m->arena, &m->room, out, m->err);
}

/* ---- what comes from the record ---- */

/* The last one of that name. */
static bool find_header(const stele_sql_event *event, const char *name, stele_bytes *out)
{
    if (event->batch != NULL) return stele_log_batch_header(event->batch, event->record, name, out);
    for (size_t i = event->header_count; i > 0; i--) {
        if (strcmp(event->headers[i - 1].name, name) != 0) continue;
        *out = event->headers[i - 1].value;
        return true;
    }
    return false;
}

static stele_sql_value header_text(maker *m, const char *name)
{
    stele_bytes value;
    if (!find_header(m->event, name, &value) || value.data == NULL) return (stele_sql_value){0};
    return keep(m, STELE_SQL_TEXT, value);
}

static stele_sql_value header_number(maker *m, const char *name)
{
    stele_bytes value;
    int64_t number;
    if (!find_header(m->event, name, &value) ||
        stele_parse_int64(value, 0, INT64_MAX, &number, NULL) < 0)
        return (stele_sql_value){0};
    return integer(number);
}

static stele_sql_value time_of(maker *m)
{
    char text[STELE_DATE_TEXT_MAX + 1];
    if (m->event->record->timestamp_ms < 0) return (stele_sql_value){0};
    stele_format_timestamp(m->event->record->timestamp_ms, STELE_TIME_MILLIS, text);
    return keep(m, STELE_SQL_TEXT, stele_text(text));
}

static stele_sql_value position_of(maker *m)
{
    const stele_partition *source = &m->event->source;
    stele_buffer_reset(&m->room);
    stele_buffer_format(&m->room, "%s/%" PRId32 "/%" PRId64, source->topic, source->index,
                        m->event->record->offset);
    return keep_room(m);
}

static stele_status make_special(maker *m, meaning means, stele_sql_value *out)
{
    const stele_sql_event *event = m->event;
    switch (means) {
    case ITEM_INDEX:
        *out = integer((int64_t)m->index);
        break;
    case ITEM_KEY:
        *out = keep(m, STELE_SQL_TEXT, m->entry);
        break;
    case RECORD_KEY:
        *out = keep(m, STELE_SQL_TEXT, event->record->key);
        break;
    case RECORD_VERSION:
        *out = header_number(m, "ce_aggregateversion");
        break;
    case RECORD_TIME:
        *out = time_of(m);
        break;
    case RECORD_ID:
        *out = header_text(m, "ce_id");
        break;
    case RECORD_OFFSET:
        *out = integer(event->record->offset);
        break;
    case RECORD_PARTITION:
        *out = integer(event->source.index);
        break;
    case RECORD_TOPIC:
        *out = keep(m, STELE_SQL_TEXT, stele_text(event->source.topic));
        break;
    case RECORD_POSITION:
        *out = position_of(m);
        break;
    case EVENT_TYPE:
        *out = keep(m, STELE_SQL_TEXT, stele_text(event->type->name));
        break;
    case EVENT_DATA:
    default:
        return make_value(m, event->type->layout, event->data, out);
    }
    return STELE_OK;
}

/* ---- rows ---- */

static stele_status make_row(maker *m, const bound_statement *of, stele_sql_value *values)
{
    for (size_t i = 0; i < of->count; i++) {
        const route *by = &of->routes[i];
        bool is_path = by->means == OF_EVENT || by->means == OF_ITEM;
        const uint8_t *from = by->means == OF_ITEM ? m->item : m->event->data;
        stele_status status = is_path ? make_value(m, by->layout, follow(by, from), &values[i])
                                      : make_special(m, by->means, &values[i]);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status make_rows(const stele_sql_bind *bind, maker *m, stele_sql_each_row *each,
                              void *context)
{
    for (size_t i = 0; i < bind->count; i++) {
        const bound_statement *of = &bind->statements[i];
        stele_sql_value *values = stele_arena_take(m->arena, (of->count + 1) * sizeof *values);
        stele_status status = make_row(m, of, values);
        if (status < 0) return status;
        each(context, i, values, of->count);
    }
    return STELE_OK;
}

static stele_status walk(const stele_sql_bind *bind, maker *m, stele_sql_each_row *each,
                         void *context)
{
    const stele_layout *layout = bind->items.layout;
    const uint8_t *value = follow(&bind->items, m->event->data);
    if (value == NULL) return STELE_OK;
    stele_array array; /* a map is the same: a count and a pointer */
    memcpy(&array, value, sizeof array);
    stele_status status = STELE_OK;
    for (m->index = 0; m->index < array.count && status == STELE_OK; m->index++) {
        const uint8_t *item = (const uint8_t *)array.items + m->index * layout->stride;
        if (layout->kind == STELE_KIND_MAP) m->entry = stele_load_bytes(item);
        m->item = stele_sql_load(layout->item, item);
        status = make_rows(bind, m, each, context);
    }
    return status;
}

stele_status stele_sql_bind_event(const stele_sql_bind *bind, const stele_sql_event *event,
                                  stele_arena *arena, stele_sql_each_row *each, void *context,
                                  stele_error *err)
{
    maker m = {.event = event, .arena = arena, .err = err};
    stele_status status =
        bind->walks ? walk(bind, &m, each, context) : make_rows(bind, &m, each, context);
    stele_buffer_clear(&m.room);
    return status;
}
