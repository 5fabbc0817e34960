/* SPDX-License-Identifier: MIT
 * The statements on the table of a fold's states, and the values of its rows. */
#include "projections/state_table.h"

#include <stele/codec.h>

#include <inttypes.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/sql_value.h"
#include "registry/wire.h"

enum {
    ID = 0,
    PARTITION,
    VERSION,
    OFFSET,
    FINISHED,
    STATE,
    BESIDE /* only where the states have companions */
};

struct stele_state_table {
    const stele_projection *projection;
    const stele_companion *companion; /* NULL: none */
    size_t own;                       /* columns in front of the fields */
    size_t fields;                    /* that have columns: none where there is no SQL */
    stele_sql_file file;
    stele_sql_block block;
    stele_sql_statement statements[STELE_STATE_TABLE_STATEMENTS];
    char *topics[2];
};

/* ---- columns ---- */

static const struct {
    const char *name;
    stele_sql_type type;
} own_columns[] = {
    [ID] = {"stele_id", STELE_SQL_TYPE_TEXT},
    [PARTITION] = {"stele_partition", STELE_SQL_TYPE_INT},
    [VERSION] = {"stele_version", STELE_SQL_TYPE_LONG},
    [OFFSET] = {"stele_offset", STELE_SQL_TYPE_LONG},
    [FINISHED] = {"stele_finished", STELE_SQL_TYPE_BOOLEAN},
    [STATE] = {"stele_state", STELE_SQL_TYPE_BYTES},
    [BESIDE] = {"stele_beside", STELE_SQL_TYPE_BYTES},
};

/* It has statements of its own, and no SQL. */
static bool is_sql(stele_sql_dialect dialect)
{
    return dialect == STELE_SQL_SQLITE || dialect == STELE_SQL_POSTGRES;
}

/* What the database calls a type; SQLite keeps what has no better name as it comes. */
static const char *type_name(stele_sql_type type, stele_sql_dialect dialect)
{
    static const struct {
        const char *sqlite;
        const char *postgres;
    } names[] = {
        [STELE_SQL_TYPE_ANY] = {"", "text"},
        [STELE_SQL_TYPE_BOOLEAN] = {"INTEGER", "boolean"},
        [STELE_SQL_TYPE_INT] = {"INTEGER", "integer"},
        [STELE_SQL_TYPE_LONG] = {"INTEGER", "bigint"},
        [STELE_SQL_TYPE_FLOAT] = {"REAL", "real"},
        [STELE_SQL_TYPE_DOUBLE] = {"REAL", "double precision"},
        [STELE_SQL_TYPE_TEXT] = {"TEXT", "text"},
        [STELE_SQL_TYPE_BYTES] = {"BLOB", "bytea"},
        [STELE_SQL_TYPE_DECIMAL] = {"TEXT", "numeric"},
        [STELE_SQL_TYPE_UUID] = {"TEXT", "uuid"},
        [STELE_SQL_TYPE_DATE] = {"TEXT", "date"},
        [STELE_SQL_TYPE_TIME] = {"TEXT", "time"},
        [STELE_SQL_TYPE_TIMESTAMP] = {"TEXT", "timestamptz"},
        [STELE_SQL_TYPE_LOCAL_TIMESTAMP] = {"TEXT", "timestamp"},
        [STELE_SQL_TYPE_DURATION] = {"TEXT", "interval"},
        [STELE_SQL_TYPE_JSON] = {"TEXT", "jsonb"},
    };
    return dialect == STELE_SQL_POSTGRES ? names[type].postgres : names[type].sqlite;
}

static const stele_layout *layout_of(const stele_state_table *table)
{
    return table->projection->state->layout;
}

static size_t count_columns(const stele_state_table *table)
{
    return table->own + table->fields;
}

static const char *column_name(const stele_state_table *table, size_t index)
{
    return index < table->own ? own_columns[index].name
                              : layout_of(table)->members[index - table->own].name;
}

static stele_sql_type column_type(const stele_state_table *table, size_t index)
{
    return index < table->own
               ? own_columns[index].type
               : stele_sql_type_of(layout_of(table)->members[index - table->own].layout);
}

/* ---- statements ---- */

static char *write_setup(const stele_state_table *table, stele_sql_dialect dialect)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    const char *name = table->projection->name;
    /* What is there may be of another schema: a state is read as that with which it was written. */
    if (!is_sql(dialect))
        return stele_strdup_format("states of %s%s", table->topics[0],
                                   table->companion == NULL ? "" : ", with what is beside them");
    stele_buffer_format(&text, "CREATE TABLE \"%s\" (", name);
    /* The order of bytes: that of the database may change with its operating system, and the states
     * are read back in order. SQLite has no other. */
    const char *id = dialect == STELE_SQL_POSTGRES ? " COLLATE \"C\" PRIMARY KEY" : " PRIMARY KEY";
    for (size_t i = 0; i < count_columns(table); i++)
        stele_buffer_format(&text, "\n    \"%s\" %s%s,", column_name(table, i),
                            type_name(column_type(table, i), dialect),
                            i == ID         ? id
                            : i <= FINISHED ? " NOT NULL"
                                            : "");
    stele_buffer_format(&text, "\n    \"stele_topic\" %s NOT NULL DEFAULT '%s');\n",
                        type_name(STELE_SQL_TYPE_TEXT, dialect), table->topics[0]);
    stele_buffer_format(&text,
                        "CREATE INDEX \"%s by partition\" ON \"%s\""
                        " (\"stele_partition\", \"stele_id\");\n",
                        name, name);
    return stele_strdup(stele_buffer_text(&text));
}

/* In PostgreSQL each parameter is the array of its column. */
static char *write_upsert(const stele_state_table *table, stele_sql_dialect dialect)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    size_t count = count_columns(table);
    bool is_bulk = dialect == STELE_SQL_POSTGRES;
    if (!is_sql(dialect)) {
        stele_buffer_format(&text, "PUT %s", table->projection->name);
        for (size_t i = 0; dialect == STELE_SQL_HASHES && i < count; i++)
            stele_buffer_format(&text, " %s", column_name(table, i));
        return stele_strdup(stele_buffer_text(&text));
    }
    stele_buffer_format(&text, "INSERT INTO \"%s\" (", table->projection->name);
    for (size_t i = 0; i < count; i++)
        stele_buffer_format(&text, "%s\"%s\"", i == 0 ? "" : ", ", column_name(table, i));
    stele_buffer_format(&text, is_bulk ? ") SELECT * FROM unnest(" : ") VALUES (");
    for (size_t i = 0; i < count; i++)
        stele_buffer_format(&text, "%s$%zu", i == 0 ? "" : ", ", i + 1);
    stele_buffer_format(&text, ") ON CONFLICT (\"stele_id\") DO UPDATE SET ");
    for (size_t i = 1; i < count; i++)
        stele_buffer_format(&text, "%s\"%s\" = excluded.\"%s\"", i == 1 ? "" : ", ",
                            column_name(table, i), column_name(table, i));
    return stele_strdup(stele_buffer_text(&text));
}

static char *write_query(const stele_state_table *table, stele_sql_dialect dialect)
{
    enum { AT_ONCE = 1000 };
    const char *beside = table->own > BESIDE ? " stele_beside" : "";
    if (dialect == STELE_SQL_NONE) return stele_strdup_format("SCAN %s", table->projection->name);
    if (dialect == STELE_SQL_HASHES)
        return stele_strdup_format(
            "SCAN %s stele_version stele_offset stele_finished stele_state%s",
            table->projection->name, beside);
    return stele_strdup_format("SELECT stele_id, stele_version, stele_offset, stele_finished,"
                               " stele_state%s FROM \"%s\" WHERE stele_partition = $1"
                               " AND ($2 IS NULL OR stele_id > $2) ORDER BY stele_id LIMIT %d",
                               table->own > BESIDE ? ", stele_beside" : "", table->projection->name,
                               AT_ONCE);
}

static char *write_clearing(const stele_state_table *table, stele_sql_dialect dialect)
{
    if (!is_sql(dialect)) return stele_strdup_format("CLEAR %s", table->projection->name);
    return stele_strdup_format("DELETE FROM \"%s\" WHERE stele_partition = $1"
                               " OR stele_partition >= $2",
                               table->projection->name);
}

static void set_parameters(stele_sql_statement *statement, size_t count)
{
    statement->parameters = stele_alloc_array(count, sizeof *statement->parameters);
    statement->parameter_count = count;
}

static char *write_teardown(const stele_state_table *table, stele_sql_dialect dialect)
{
    if (!is_sql(dialect)) return stele_strdup("");
    return stele_strdup_format("DROP TABLE \"%s\"", table->projection->name);
}

static void write_statements(stele_state_table *table, stele_sql_dialect dialect)
{
    stele_sql_statement *write = &table->statements[STELE_STATE_TABLE_WRITE];
    stele_sql_statement *read = &table->statements[STELE_STATE_TABLE_READ];
    stele_sql_statement *clear = &table->statements[STELE_STATE_TABLE_CLEAR];
    write->text = write_upsert(table, dialect);
    write->takes_arrays = true;
    set_parameters(write, count_columns(table));
    for (size_t i = 0; i < write->parameter_count; i++)
        write->parameters[i].type = column_type(table, i);
    read->text = write_query(table, dialect);
    set_parameters(read, 2);
    read->parameters[0].type = STELE_SQL_TYPE_INT;
    read->parameters[1].type = STELE_SQL_TYPE_TEXT;
    clear->text = write_clearing(table, dialect);
    set_parameters(clear, 2);
    clear->parameters[0].type = clear->parameters[1].type = STELE_SQL_TYPE_INT;
}

static stele_status check_fields(const stele_projection *projection, stele_error *err)
{
    const stele_layout *layout = projection->state->layout;
    if (strchr(projection->name, '"') != NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "projection %s: that is no name of a table", projection->name);
    for (uint32_t i = 0; i < layout->count; i++)
        if (strncmp(layout->members[i].name, "stele_", 6) == 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "projection %s: the field %s cannot be a column: names that begin "
                              "with stele_ are Stele's own",
                              projection->name, layout->members[i].name);
    return STELE_OK;
}

stele_status stele_state_table_new(const stele_projection *projection,
                                   const stele_companion *companion, stele_sql_dialect dialect,
                                   stele_state_table **out, stele_error *err)
{
    bool has_fields = dialect != STELE_SQL_NONE;
    stele_status status = has_fields ? check_fields(projection, err) : STELE_OK;
    if (status < 0) return status;
    stele_state_table *table = stele_alloc(sizeof *table);
    table->projection = projection;
    table->companion = companion;
    table->own = companion == NULL ? BESIDE : BESIDE + 1;
    table->fields = has_fields ? layout_of(table)->count : 0;
    table->topics[0] = stele_events_topic(projection->source->name);
    write_statements(table, dialect);
    table->block = (stele_sql_block){.statements = table->statements,
                                     .statement_count = STELE_STATE_TABLE_STATEMENTS};
    table->file = (stele_sql_file){.path = stele_strdup_format("the table %s", projection->name),
                                   .name = stele_strdup(projection->name),
                                   .version = projection->version,
                                   .topics = table->topics,
                                   .setup = {.text = write_setup(table, dialect)},
                                   .teardown = {.text = write_teardown(table, dialect)},
                                   .blocks = &table->block,
                                   .block_count = 1};
    *out = table;
    return STELE_OK;
}

void stele_state_table_free(stele_state_table *table)
{
    if (table == NULL) return;
    for (size_t i = 0; i < STELE_STATE_TABLE_STATEMENTS; i++) {
        free(table->statements[i].text);
        free(table->statements[i].parameters);
    }
    free(table->file.path);
    free(table->file.name);
    free(table->file.setup.text);
    free(table->file.teardown.text);
    free(table->topics[0]);
    free(table);
}

const stele_sql_file *stele_state_table_file(const stele_state_table *table)
{
    return &table->file;
}

/* ---- rows ---- */

static stele_sql_value number(int64_t value)
{
    return (stele_sql_value){.kind = STELE_SQL_INTEGER, .as.integer = value};
}

static stele_status make_state(const stele_state_table *table, const stele_sink_entry *entry,
                               int32_t schema, stele_arena *arena, stele_buffer *room,
                               stele_sql_value *values, stele_error *err)
{
    stele_buffer_reset(room);
    stele_wire_begin(room, schema);
    stele_status status = stele_encode(table->projection->state, entry->state, room, err);
    if (status < 0) return status;
    values[STATE] = stele_sql_value_keep(arena, STELE_SQL_BYTES, stele_buffer_view(room));
    for (size_t i = 0; i < table->fields && status == STELE_OK; i++) {
        const stele_member *member = &layout_of(table)->members[i];
        status = stele_sql_value_make(member->layout, stele_sql_load(member, entry->state), arena,
                                      room, &values[table->own + i], err);
    }
    return status;
}

stele_status stele_state_table_values(const stele_state_table *table, const stele_sink_entry *entry,
                                      int32_t partition, int32_t schema, bool is_gone,
                                      stele_arena *arena, const stele_sql_value **out,
                                      size_t *count, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) room = {0};
    size_t columns = count_columns(table);
    stele_sql_value *values = stele_arena_take(arena, columns * sizeof *values);
    memset(values, 0, columns * sizeof *values);
    values[ID] = stele_sql_value_keep(arena, STELE_SQL_TEXT, entry->id);
    values[PARTITION] = number(partition);
    values[VERSION] = number(entry->version);
    values[OFFSET] = number(entry->offset);
    values[FINISHED] =
        (stele_sql_value){.kind = STELE_SQL_BOOLEAN, .as.integer = is_gone || entry->is_finished};
    if (table->companion != NULL) {
        table->companion->write(table->companion->context, entry->companion, &room);
        values[BESIDE] = stele_sql_value_keep(arena, STELE_SQL_BYTES, stele_buffer_view(&room));
    }
    stele_error why;
    stele_status status =
        is_gone ? STELE_OK : make_state(table, entry, schema, arena, &room, values, &why);
    if (status < 0)
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "after offset %" PRId64 " the state of %s cannot be stored: %s",
                          entry->offset - 1, stele_quote(entry->id).text, why.text);
    *out = values;
    *count = columns;
    return STELE_OK;
}

void stele_state_table_query(int32_t partition, stele_bytes after, stele_arena *arena,
                             const stele_sql_value **out, size_t *count)
{
    stele_sql_value *values = stele_arena_take(arena, 2 * sizeof *values);
    values[0] = number(partition);
    values[1] = after.data == NULL ? (stele_sql_value){.kind = STELE_SQL_NULL}
                                   : stele_sql_value_keep(arena, STELE_SQL_TEXT, after);
    *out = values;
    *count = 2;
}

void stele_state_table_clearing(int32_t partition, int32_t partitions, stele_arena *arena,
                                const stele_sql_value **out, size_t *count)
{
    stele_sql_value *values = stele_arena_take(arena, 2 * sizeof *values);
    values[0] = number(partition);
    values[1] = number(partitions);
    *out = values;
    *count = 2;
}

bool stele_state_table_snapshot(const stele_sql_value *values, size_t count, stele_snapshot *out)
{
    if (count < BESIDE - 1 || values[0].kind != STELE_SQL_TEXT ||
        values[1].kind != STELE_SQL_INTEGER || values[2].kind != STELE_SQL_INTEGER)
        return false;
    *out = (stele_snapshot){.id = values[0].as.bytes,
                            .version = values[1].as.integer,
                            .offset = values[2].as.integer,
                            .finished = values[3].as.integer != 0};
    if (values[4].kind == STELE_SQL_BYTES) out->value = values[4].as.bytes;
    if (count >= BESIDE && values[5].kind == STELE_SQL_BYTES) out->companion = values[5].as.bytes;
    return true;
}
