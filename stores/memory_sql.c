/* SPDX-License-Identifier: MIT
 * The database in memory. A transaction is kept beside what is committed, and compared again when
 * it is committed: no one waits for a lock, and whoever is gone holds none. */
#include "stores/memory_sql.h"

#include "core/alloc.h"
#include "core/bug.h"
#include "core/monitor.h"
#include "core/names.h"

enum { ROWS_READ = 3 /* at once: few, so that more are asked for */ };

typedef struct place_row {
    char *group;
    char *topic;
    int32_t index;
    stele_sql_claim claim;
} place_row;

typedef struct project {
    char *name;
    int version;
    int64_t setup;
} project;

typedef struct kept_row {
    char *text;
    stele_sql_value *values; /* what they point to is owned, too */
    size_t count;
} kept_row;

/* A letter that is kept. In a transaction one without a value is to be removed. */
typedef struct kept_letter {
    size_t place;
    int64_t offset;
    uint8_t *value;
    size_t size;
} kept_letter;

typedef struct letter_list {
    kept_letter *items;
    size_t count;
} letter_list;

struct stele_memory_database {
    bool has_threads;
    stele_monitor monitor;
    place_row *places;
    size_t place_count;
    project *projects;
    size_t project_count;
    kept_row *rows;
    size_t row_count, row_max;
    letter_list letters; /* in the order of their offsets */
    uint64_t fails_in;   /* calls; 0: none */
    stele_memory_fault fault;
    bool is_away;
    bool is_held;
};

typedef struct memory_sql {
    stele_sql_store base;
    stele_memory_database *database;
    bool is_open;
    char **statements;
    size_t statement_count;

    /* The transaction. */
    bool is_begun;
    size_t place;
    int64_t term, from;
    stele_mark to;
    kept_row *rows;
    size_t row_count;
    letter_list letters;
} memory_sql;

static const stele_sql_store_ops memory_ops;

static void lock(stele_memory_database *database)
{
    if (database->has_threads) stele_monitor_lock(&database->monitor);
}

static void unlock(stele_memory_database *database)
{
    if (database->has_threads) stele_monitor_unlock(&database->monitor);
}

stele_memory_database *stele_memory_database_new(stele_runtime runtime)
{
    stele_memory_database *database = stele_alloc(sizeof *database);
    database->has_threads = runtime.ops != NULL;
    if (database->has_threads) stele_monitor_init(&database->monitor, runtime);
    return database;
}

static void clear_row(kept_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->values[i].kind >= STELE_SQL_TEXT) free((uint8_t *)row->values[i].as.bytes.data);
    free(row->values);
    free(row->text);
}

static void clear_letters(letter_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].value);
    free(list->items);
    *list = (letter_list){0};
}

void stele_memory_database_free(stele_memory_database *database)
{
    if (database == NULL) return;
    for (size_t i = 0; i < database->row_count; i++)
        clear_row(&database->rows[i]);
    for (size_t i = 0; i < database->place_count; i++) {
        free(database->places[i].group);
        free(database->places[i].topic);
    }
    for (size_t i = 0; i < database->project_count; i++)
        free(database->projects[i].name);
    clear_letters(&database->letters);
    free(database->rows);
    free(database->places);
    free(database->projects);
    if (database->has_threads) stele_monitor_clear(&database->monitor);
    free(database);
}

stele_sql_store *stele_memory_sql_new(stele_memory_database *database)
{
    memory_sql *self = stele_alloc(sizeof *self);
    self->base.ops = &memory_ops;
    self->database = database;
    return &self->base;
}

size_t stele_memory_database_count(stele_memory_database *database)
{
    lock(database);
    size_t count = database->row_count;
    unlock(database);
    return count;
}

stele_memory_row stele_memory_database_row(stele_memory_database *database, size_t index)
{
    lock(database);
    const kept_row *row = &database->rows[index];
    stele_memory_row out = {row->text, row->values, row->count};
    unlock(database);
    return out;
}

void stele_memory_database_fail(stele_memory_database *database, uint64_t nth,
                                stele_memory_fault fault)
{
    lock(database);
    database->fails_in = nth;
    database->fault = fault;
    unlock(database);
}

void stele_memory_database_hold(stele_memory_database *database, bool held)
{
    lock(database);
    database->is_held = held;
    if (database->has_threads) stele_monitor_wake(&database->monitor);
    unlock(database);
}

void stele_memory_database_set_away(stele_memory_database *database, bool away)
{
    lock(database);
    database->is_away = away;
    unlock(database);
}

/* ---- transactions ---- */

static void drop_transaction(memory_sql *self)
{
    for (size_t i = 0; i < self->row_count; i++)
        clear_row(&self->rows[i]);
    free(self->rows);
    self->rows = NULL;
    self->row_count = 0;
    clear_letters(&self->letters);
    self->is_begun = false;
}

static stele_status fail_away(stele_error *err)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "the database is away");
}

static stele_status fail_lost(stele_error *err)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "the connection to the database was lost");
}

/* Each call begins so; the database is locked then. @param fault  that comes after it; 0: none
 * @return what comes in its place */
static stele_status enter(memory_sql *self, int *fault, stele_error *err)
{
    stele_memory_database *database = self->database;
    lock(database);
    while (database->is_held)
        stele_monitor_wait(&database->monitor, (stele_deadline){.end_ns = INT64_MAX});
    *fault = 0;
    if (database->fails_in > 0 && --database->fails_in == 0) *fault = (int)database->fault;
    if (*fault == STELE_MEMORY_SQL_AWAY) database->is_away = true;
    stele_status status = STELE_OK;
    if (database->is_away || *fault == STELE_MEMORY_SQL_REFUSED)
        status = fail_away(err);
    else if (*fault == STELE_MEMORY_SQL_LOST_BEFORE)
        status = fail_lost(err);
    if (status < 0) drop_transaction(self);
    return status;
}

static stele_status leave(memory_sql *self, int fault, stele_status status, stele_error *err)
{
    if (status == STELE_OK && fault == STELE_MEMORY_SQL_LOST_AFTER) {
        drop_transaction(self);
        status = fail_lost(err);
    }
    unlock(self->database);
    return status;
}

static stele_status open_store(stele_sql_store *base, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    self->is_open = status == STELE_OK;
    return leave(self, fault, status, err);
}

static void close_store(stele_sql_store *base)
{
    memory_sql *self = (memory_sql *)base;
    drop_transaction(self);
    for (size_t i = 0; i < self->statement_count; i++)
        free(self->statements[i]);
    free(self->statements);
    self->statements = NULL;
    self->statement_count = 0;
    self->is_open = false;
}

static void free_store(stele_sql_store *base)
{
    close_store(base);
    free(base);
}

/* ---- projections ---- */

static project *find_project(stele_memory_database *database, const char *name)
{
    for (size_t i = 0; i < database->project_count; i++)
        if (strcmp(database->projects[i].name, name) == 0) return &database->projects[i];
    return NULL;
}

static stele_status set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                           stele_error *err)
{
    (void)at;
    memory_sql *self = (memory_sql *)base;
    stele_memory_database *database = self->database;
    int fault;
    stele_status status = enter(self, &fault, err);
    int64_t hash = stele_sql_script_hash(stele_text(setup->script), STELE_SQL_SQLITE);
    const project *there = find_project(database, setup->projection);
    if (status == STELE_OK && there != NULL &&
        (there->version != setup->version || there->setup != hash))
        status = stele_sql_fail_setup(err, "the database", setup, there->version);
    if (status == STELE_OK && there == NULL) {
        database->projects = stele_realloc_array(database->projects, database->project_count + 1,
                                                 sizeof *database->projects);
        database->projects[database->project_count++] =
            (project){stele_strdup(setup->projection), setup->version, hash};
    }
    return leave(self, fault, status, err);
}

static void remove_letter(letter_list *list, size_t at)
{
    free(list->items[at].value);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof *list->items);
}

/* A place is gone, and another one has its number. */
static void move_letters(stele_memory_database *database, size_t gone, size_t moved)
{
    letter_list *list = &database->letters;
    for (size_t i = list->count; i-- > 0;) {
        if (list->items[i].place == gone)
            remove_letter(list, i);
        else if (list->items[i].place == moved)
            list->items[i].place = gone;
    }
}

static stele_status tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                              stele_error *err)
{
    (void)at;
    memory_sql *self = (memory_sql *)base;
    stele_memory_database *database = self->database;
    int fault;
    stele_status status = enter(self, &fault, err);
    project *there = status < 0 ? NULL : find_project(database, teardown->projection);
    if (there != NULL) {
        STELE_AUTO(char) group = stele_projection_group(there->name, there->version);
        free(there->name);
        *there = database->projects[--database->project_count];
        for (size_t i = database->place_count; i-- > 0;) {
            place_row *row = &database->places[i];
            if (strcmp(row->group, group) != 0) continue;
            free(row->group);
            free(row->topic);
            *row = database->places[--database->place_count];
            move_letters(database, i, database->place_count);
        }
    }
    return leave(self, fault, status, err);
}

static void drop_rows(stele_memory_database *database)
{
    for (size_t i = 0; i < database->row_count; i++)
        clear_row(&database->rows[i]);
    database->row_count = 0;
}

static void go_back(place_row *row, int64_t position)
{
    row->claim.term++;
    row->claim.mark = (stele_mark){.position = position, .last_offset = -1};
}

/* It knows no script: a teardown takes all rows away. */
static stele_status reset(stele_sql_store *base, const stele_sql_reset *of, size_t *at,
                          stele_error *err)
{
    (void)at;
    memory_sql *self = (memory_sql *)base;
    stele_memory_database *database = self->database;
    int fault;
    stele_status status = enter(self, &fault, err);
    project *there = status < 0 ? NULL : find_project(database, of->setup.projection);
    if (there == NULL) return leave(self, fault, status, err);
    int64_t hash = stele_sql_script_hash(stele_text(of->setup.script), STELE_SQL_SQLITE);
    if (there->version != of->setup.version || (of->teardown == NULL && there->setup != hash)) {
        status = stele_sql_fail_setup(err, "the database", &of->setup, there->version);
        return leave(self, fault, status, err);
    }
    there->setup = hash;
    if (of->teardown != NULL) drop_rows(database);
    for (size_t i = 0; of->teardown != NULL && i < database->place_count; i++)
        if (strcmp(database->places[i].group, of->group) == 0) move_letters(database, i, SIZE_MAX);
    for (size_t i = 0; i < database->place_count; i++) {
        place_row *row = &database->places[i];
        if (strcmp(row->group, of->group) != 0) continue;
        if (of->teardown != NULL) go_back(row, -1);
        for (size_t k = 0; of->teardown == NULL && k < of->return_count; k++)
            if (of->returns[k].source.index == row->index &&
                strcmp(of->returns[k].source.topic, row->topic) == 0 &&
                of->returns[k].position < row->claim.mark.position)
                go_back(row, of->returns[k].position);
    }
    return leave(self, fault, status, err);
}

static stele_status prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err)
{
    (void)at;
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status == STELE_OK) {
        self->statements = stele_realloc_array(self->statements, self->statement_count + 1,
                                               sizeof *self->statements);
        self->statements[self->statement_count] = stele_strdup(query->text);
        *statement = self->statement_count++;
    }
    return leave(self, fault, status, err);
}

/* ---- positions ---- */

/* @return its index; the count: it is not there */
static size_t find_place(const stele_memory_database *database, const stele_sql_place *place)
{
    size_t i = 0;
    for (; i < database->place_count; i++) {
        const place_row *row = &database->places[i];
        if (row->index == place->source.index && strcmp(row->group, place->group) == 0 &&
            strcmp(row->topic, place->source.topic) == 0)
            break;
    }
    return i;
}

/* For how many partitions the first of a source was claimed; 0: none was. */
static int32_t find_count(const stele_memory_database *database, const stele_sql_place *place)
{
    for (size_t i = 0; i < database->place_count; i++) {
        const place_row *row = &database->places[i];
        if (row->claim.mark.position >= 0 && strcmp(row->group, place->group) == 0 &&
            strcmp(row->topic, place->source.topic) == 0)
            return row->claim.partitions;
    }
    return 0;
}

static stele_status claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                          const char *genesis, stele_sql_claim *out, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    stele_memory_database *database = self->database;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    int32_t count = find_count(database, place);
    if (count != 0 && count != partitions) {
        *out = (stele_sql_claim){.mark = {.position = -1, .last_offset = -1}, .partitions = count};
        return leave(self, fault, STELE_OK, err);
    }
    size_t at = find_place(database, place);
    if (at == database->place_count) {
        database->places = stele_realloc_array(database->places, ++database->place_count,
                                               sizeof *database->places);
        place_row *made = &database->places[at];
        *made = (place_row){.group = stele_strdup(place->group),
                            .topic = stele_strdup(place->source.topic),
                            .index = place->source.index,
                            .claim = {.mark = {.position = -1, .last_offset = -1}}};
    }
    place_row *row = &database->places[at];
    if (row->claim.mark.position < 0) {
        row->claim.partitions = partitions;
        snprintf(row->claim.genesis, sizeof row->claim.genesis, "%s", genesis);
    }
    row->claim.term++;
    stele_sql_claim found = row->claim;
    status = leave(self, fault, STELE_OK, err);
    if (status == STELE_OK) *out = found;
    return status;
}

/* Whether the transaction of whoever claimed the place in that term, at that position, may be
 * committed. */
static bool is_current(const memory_sql *self)
{
    if (STELE_BUG("a zombie's database commit")) return true;
    const stele_memory_database *database = self->database;
    const stele_sql_claim *there = &database->places[self->place].claim;
    return there->term == self->term && there->mark.position == self->from;
}

static stele_status fail_fenced(const memory_sql *self, stele_error *err)
{
    const place_row *row = &self->database->places[self->place];
    const stele_sql_place place = {row->group, {row->topic, row->index}};
    return stele_sql_fail_fenced(err, "the database", &place);
}

static stele_status begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    self->place = find_place(self->database, place);
    self->term = term;
    self->from = from;
    self->to = *to;
    if (self->place == self->database->place_count)
        status = stele_fail(err, STELE_E_FENCED, STELE_NEXT_STOP, "no one has claimed %s/%d",
                            place->source.topic, (int)place->source.index);
    else if (!is_current(self))
        status = fail_fenced(self, err);
    self->is_begun = status == STELE_OK;
    return leave(self, fault, status, err);
}

static stele_sql_value copy_value(const stele_sql_value *from)
{
    stele_sql_value made = *from;
    if (from->kind < STELE_SQL_TEXT) return made;
    stele_bytes bytes = from->as.bytes;
    made.as.bytes = stele_bytes_of(
        stele_strndup(bytes.data == NULL ? "" : (const char *)bytes.data, bytes.size), bytes.size);
    return made;
}

static stele_status execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                            size_t count, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    if (!self->is_begun)
        return leave(self, fault,
                     stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "no transaction is begun"),
                     err);
    kept_row row = {.text = stele_strdup(self->statements[statement]),
                    .values = stele_alloc_array(count + 1, sizeof *row.values),
                    .count = count};
    for (size_t i = 0; i < count; i++)
        row.values[i] = copy_value(&values[i]);
    self->rows = stele_realloc_array(self->rows, self->row_count + 1, sizeof *self->rows);
    self->rows[self->row_count++] = row;
    return leave(self, fault, STELE_OK, err);
}

/* The statement that takes rows of a state's table away. */
static bool is_clearing(const kept_row *row)
{
    return strncmp(row->text, "DELETE FROM ", 12) == 0 &&
           strstr(row->text, " WHERE stele_partition = $1 OR stele_partition >= $2") != NULL;
}

static void clear_partitions(stele_memory_database *database, const kept_row *by)
{
    size_t left = 0;
    for (size_t i = 0; i < database->row_count; i++) {
        kept_row *row = &database->rows[i];
        int64_t partition = row->count < 2 ? -1 : row->values[1].as.integer;
        if (partition == by->values[0].as.integer || partition >= by->values[1].as.integer)
            clear_row(row);
        else
            database->rows[left++] = *row;
    }
    database->row_count = left;
}

static void keep_rows(memory_sql *self)
{
    stele_memory_database *database = self->database;
    size_t count = database->row_count + self->row_count;
    if (count > database->row_max) {
        database->row_max = 2 * count;
        database->rows =
            stele_realloc_array(database->rows, database->row_max, sizeof *database->rows);
    }
    for (size_t i = 0; i < self->row_count; i++) {
        kept_row *row = &self->rows[i];
        if (!is_clearing(row)) {
            database->rows[database->row_count++] = *row;
            continue;
        }
        clear_partitions(database, row);
        clear_row(row);
    }
    self->row_count = 0; /* they are the database's */
}

/* ---- letters ---- */

static void add_letter(letter_list *list, size_t at, kept_letter letter)
{
    list->items = stele_realloc_array(list->items, list->count + 1, sizeof *list->items);
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof *list->items);
    list->items[at] = letter;
    list->count++;
}

/* Those of the transaction become the database's. */
static void keep_letters(memory_sql *self)
{
    letter_list *to = &self->database->letters;
    for (size_t i = 0; i < self->letters.count; i++) {
        kept_letter *letter = &self->letters.items[i];
        size_t at = 0;
        while (at < to->count &&
               (to->items[at].place != letter->place || to->items[at].offset != letter->offset))
            at++;
        if (at < to->count) remove_letter(to, at);
        for (at = to->count; at > 0 && to->items[at - 1].offset > letter->offset;)
            at--;
        if (letter->value != NULL) add_letter(to, at, *letter);
        letter->value = NULL;
    }
}

static stele_status keep(stele_sql_store *base, const stele_sql_place *place,
                         const stele_sql_letter *letter, stele_error *err)
{
    (void)place;
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    stele_bytes value = letter->value;
    uint8_t *copy =
        value.data == NULL ? NULL : (uint8_t *)stele_strndup((const char *)value.data, value.size);
    add_letter(&self->letters, self->letters.count,
               (kept_letter){self->place, letter->offset, copy, value.size});
    return leave(self, fault, STELE_OK, err);
}

static stele_status read_letters(stele_sql_store *base, const stele_sql_place *place,
                                 stele_sql_each_letter *each, void *context, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    size_t of = find_place(self->database, place);
    const letter_list *list = &self->database->letters;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].place == of)
            each(context, list->items[i].offset,
                 stele_bytes_of(list->items[i].value, list->items[i].size));
    return leave(self, fault, STELE_OK, err);
}

static stele_status read_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                                stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    for (size_t i = 0; status == STELE_OK && i < self->database->place_count; i++) {
        const place_row *row = &self->database->places[i];
        const stele_sql_place place = {row->group, {row->topic, row->index}};
        each(context, &place, row->claim.mark.position);
    }
    return leave(self, fault, status, err);
}

static stele_status commit(stele_sql_store *base, stele_error *err)
{
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    if (!is_current(self)) {
        status = fail_fenced(self, err);
    } else {
        self->database->places[self->place].claim.mark = self->to;
        keep_rows(self);
        keep_letters(self);
    }
    drop_transaction(self);
    return leave(self, fault, status, err);
}

static int compare(stele_bytes a, stele_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The row of the lowest key behind `after`, or of all where that is null, as it was stored last. */
static const kept_row *find_next(const stele_memory_database *database, int64_t partition,
                                 stele_bytes after)
{
    const kept_row *found = NULL;
    for (size_t i = 0; i < database->row_count; i++) {
        const kept_row *row = &database->rows[i];
        if (row->count < 2 || row->values[1].as.integer != partition) continue;
        stele_bytes key = row->values[0].as.bytes;
        if (after.data != NULL && compare(key, after) <= 0) continue;
        if (found == NULL || compare(key, found->values[0].as.bytes) <= 0) found = row;
    }
    return found;
}

static stele_status read_rows(stele_sql_store *base, size_t statement,
                              const stele_sql_value *values, size_t count, stele_sql_each *each,
                              void *context, stele_error *err)
{
    (void)statement, (void)count;
    memory_sql *self = (memory_sql *)base;
    int fault;
    stele_status status = enter(self, &fault, err);
    if (status < 0) return leave(self, fault, status, err);
    stele_bytes after = values[1].as.bytes;
    const kept_row *row;
    for (int i = 0;
         i < ROWS_READ && (row = find_next(self->database, values[0].as.integer, after)) != NULL;
         i++) {
        stele_sql_value *out = stele_alloc_array(row->count, sizeof *out);
        out[0] = row->values[0];
        memcpy(out + 1, row->values + 2, (row->count - 2) * sizeof *out);
        each(context, out, row->count - 1);
        free(out);
        after = row->values[0].as.bytes;
        if (after.data == NULL) after = stele_text("");
    }
    return leave(self, fault, STELE_OK, err);
}

static void roll_back(stele_sql_store *base)
{
    drop_transaction((memory_sql *)base);
}

static const stele_sql_store_ops memory_ops = {.open = open_store,
                                               .setup = set_up,
                                               .teardown = tear_down,
                                               .reset = reset,
                                               .prepare = prepare,
                                               .claim = claim,
                                               .begin = begin,
                                               .execute = execute,
                                               .commit = commit,
                                               .read = read_rows,
                                               .keep = keep,
                                               .letters = read_letters,
                                               .places = read_places,
                                               .rollback = roll_back,
                                               .close = close_store,
                                               .free = free_store};
