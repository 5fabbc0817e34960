/* SPDX-License-Identifier: MIT
 * Files and databases of the SQL projections. Projections that name the same database share its
 * thread. */
#include "cli/sql.h"

#include <pthread.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "registry/client.h"

enum { ASK_MS = 1000, LOOK_MS = 100, COMPLAIN_MS = 10000 };

typedef struct database {
    char *url;
    stele_sql_desk *desk;
} database;

/* One projection. */
typedef struct member {
    stele_sql_program *program;
    pthread_mutex_t loading; /* held by the worker that loads it */
    bool is_loaded;
} member;

/* The table of a fold's states. */
typedef struct fold_table {
    const stele_projection *projection;
    stele_state_table *table;
    stele_fold_table place;
} fold_table;

struct stele_sql_crew {
    stele_client *client;
    fold_table **tables;
    size_t table_count;
    database *databases;
    size_t database_count;
    member **members;
    size_t count;
};

static const char *text_of(const stele_config *config, const char *name, const char *key)
{
    return stele_config_text(config, "projection", name, key);
}

bool stele_sql_is_configured(const stele_config *config, const char *name)
{
    return text_of(config, name, "sql") != NULL;
}

const char *stele_sql_next(const stele_config *config, size_t *index)
{
    const char *name;
    while ((name = stele_config_name(config, "projection", (*index)++)) != NULL)
        if (stele_sql_is_configured(config, name)) return name;
    return NULL;
}

static char *url_of(const stele_config *config, const char *name)
{
    const char *url = text_of(config, name, "store");
    return url != NULL ? stele_strdup(url) : stele_strdup_format("sqlite:%s.db", name);
}

/* ---- databases ---- */

static stele_status find_desk(stele_sql_crew *crew, const char *name, stele_sql_desk **out,
                              stele_error *err)
{
    const stele_config *config = stele_client_config(crew->client);
    STELE_AUTO(char) url = url_of(config, name);
    for (size_t i = 0; i < crew->database_count; i++) {
        if (strcmp(crew->databases[i].url, url) != 0) continue;
        *out = crew->databases[i].desk;
        return STELE_OK;
    }
    stele_sql_store *store;
    stele_error why;
    stele_runtime runtime = stele_log_runtime(stele_client_log(crew->client));
    stele_status status = stele_sql_store_new(runtime, url, &store, &why);
    if (status < 0)
        return stele_fail(err, status, why.next, "%s: [projection %s] store: %s",
                          stele_config_origin(config, "projection", name, "store"), name, why.text);
    crew->databases =
        stele_realloc_array(crew->databases, crew->database_count + 1, sizeof *crew->databases);
    database made = {url, stele_sql_desk_open(runtime, store)};
    url = NULL;
    crew->databases[crew->database_count++] = made;
    *out = made.desk;
    return STELE_OK;
}

/* ---- programs ---- */

static stele_sql_program_options options_of(const stele_config *config, const char *name)
{
    STELE_AUTO(char) url = url_of(config, name);
    return (stele_sql_program_options){
        .name = name,
        .file = text_of(config, name, "sql"),
        .dialect = stele_sql_dialect_of(url),
        .ignore_others = stele_config_is(config, "projection", name, "unknown_events", "ignore")};
}

static stele_status add_program(stele_sql_crew *crew, const char *name, stele_error *err)
{
    const stele_config *config = stele_client_config(crew->client);
    stele_sql_program_options options = options_of(config, name);
    options.registry = stele_client_registry(crew->client);
    stele_sql_program *program;
    stele_status status = find_desk(crew, name, &options.desk, err);
    if (status == STELE_OK) status = stele_sql_program_open(&options, &program, err);
    if (status < 0) return status;
    crew->members = stele_realloc_array(crew->members, crew->count + 1, sizeof *crew->members);
    member *made = crew->members[crew->count++] = stele_alloc(sizeof *made);
    made->program = program;
    pthread_mutex_init(&made->loading, NULL);
    return STELE_OK;
}

static bool has_projection(const stele_app *app, const char *name)
{
    const stele_projection *const *at = app->projections;
    for (; at != NULL && *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0) return true;
    return false;
}

stele_status stele_sql_crew_open(stele_client *client, const stele_app *app, stele_sql_crew **out,
                                 stele_error *err)
{
    STELE_AUTO(stele_sql_crew) crew = stele_alloc(sizeof *crew);
    const stele_config *config = stele_client_config(client);
    crew->client = client;
    const char *name;
    for (size_t i = 0; (name = stele_sql_next(config, &i)) != NULL;) {
        if (has_projection(app, name))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s: [projection %s] sql: %s has a projection of that name already; "
                              "choose another one",
                              stele_config_origin(config, "projection", name, "sql"), name,
                              app->name);
        stele_status status = add_program(crew, name, err);
        if (status < 0) return status;
    }
    *out = crew;
    crew = NULL;
    return STELE_OK;
}

void stele_sql_crew_close(stele_sql_crew *crew)
{
    if (crew == NULL) return;
    for (size_t i = 0; i < crew->database_count; i++) {
        stele_sql_desk_close(crew->databases[i].desk);
        free(crew->databases[i].url);
    }
    for (size_t i = 0; i < crew->table_count; i++) {
        stele_state_table_free(crew->tables[i]->table);
        free(crew->tables[i]);
    }
    free(crew->tables);
    for (size_t i = 0; i < crew->count; i++) {
        stele_sql_program_free(crew->members[i]->program);
        pthread_mutex_destroy(&crew->members[i]->loading);
        free(crew->members[i]);
    }
    free(crew->databases);
    free(crew->members);
    free(crew);
}

size_t stele_sql_crew_count(const stele_sql_crew *crew)
{
    size_t count = 0;
    for (size_t i = 0; i < crew->count; i++)
        count += stele_sql_program_source_count(crew->members[i]->program);
    return count;
}

/* ---- tables of folds ---- */

stele_status stele_sql_crew_table(stele_sql_crew *crew, const stele_projection *projection,
                                  const stele_fold_table **out, stele_error *err)
{
    const stele_config *config = stele_client_config(crew->client);
    *out = NULL;
    if (text_of(config, projection->name, "store") == NULL) return STELE_OK;
    for (size_t i = 0; i < crew->table_count; i++)
        if (crew->tables[i]->projection == projection) *out = &crew->tables[i]->place;
    if (*out != NULL) return STELE_OK;
    STELE_AUTO(char) url = url_of(config, projection->name);
    stele_sql_desk *desk;
    stele_state_table *table;
    stele_status status = find_desk(crew, projection->name, &desk, err);
    if (status == STELE_OK)
        status = stele_state_table_new(projection, NULL, stele_sql_dialect_of(url), &table, err);
    if (status < 0) return status;
    crew->tables = stele_realloc_array(crew->tables, crew->table_count + 1, sizeof *crew->tables);
    fold_table *made = crew->tables[crew->table_count++] = stele_alloc(sizeof *made);
    *made = (fold_table){projection, table, {table, desk}};
    *out = &made->place;
    return STELE_OK;
}

/* ---- loading ---- */

static void say_loaded(const stele_sql_crew *crew, const stele_sql_program *program,
                       const stele_logger *logger)
{
    const stele_config *config = stele_client_config(crew->client);
    const stele_sql_file *file = stele_sql_program_file(program);
    STELE_AUTO(char) url = url_of(config, file->name);
    STELE_AUTO(char) store = stele_sql_url_shown(url);
    STELE_AUTO_VALUE(stele_buffer) topics = {0};
    for (char **topic = file->topics; *topic != NULL; topic++)
        stele_buffer_format(&topics, "%s%s", topic == file->topics ? "" : ",", *topic);
    stele_logger_write(logger, STELE_LOGGER_INFO, "SQL projection is ready",
                       STELE_LOGGER_FIELDS(
                           stele_logger_text("projection", stele_sql_program_group(program)),
                           stele_logger_text("file", file->path), stele_logger_text("store", store),
                           stele_logger_text("source", stele_buffer_text(&topics))));
}

static bool may_pass(const stele_error *failure)
{
    return failure->next == STELE_NEXT_RETRY || failure->next == STELE_NEXT_ABORT;
}

static stele_status load_once(const stele_sql_crew *crew, member *of, const stele_logger *logger,
                              stele_error *err)
{
    stele_status status = stele_sql_program_load(of->program, ASK_MS, err);
    of->is_loaded = status == STELE_OK;
    if (of->is_loaded) say_loaded(crew, of->program, logger);
    return status;
}

stele_status stele_sql_crew_check(stele_sql_crew *crew, const stele_logger *logger,
                                  stele_error *err)
{
    for (size_t i = 0; i < crew->count; i++) {
        stele_error failure;
        stele_status status = load_once(crew, crew->members[i], logger, &failure);
        if (status == STELE_OK || may_pass(&failure)) continue;
        if (err != NULL) *err = failure;
        return status;
    }
    return STELE_OK;
}

/* The mutex is held. */
static stele_status load_patiently(const stele_sql_crew *crew, member *of, const atomic_bool *stop,
                                   const stele_logger *logger, stele_error *err)
{
    stele_runtime runtime = stele_log_runtime(stele_client_log(crew->client));
    stele_deadline quiet = stele_deadline_after(stele_runtime_clock(runtime), 0);
    while (!of->is_loaded) {
        stele_status status = load_once(crew, of, logger, err);
        if (status == STELE_OK || !may_pass(err)) return status;
        if (atomic_load(stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                              "interrupted before it began");
        if (stele_deadline_passed(quiet)) {
            stele_logger_write(
                logger, STELE_LOGGER_WARN, "SQL projection waits",
                STELE_LOGGER_FIELDS(
                    stele_logger_text("projection", stele_sql_program_group(of->program)),
                    stele_logger_text("reason", err->text)));
            quiet = stele_deadline_after(stele_runtime_clock(runtime), COMPLAIN_MS);
        }
        stele_sleep_ms(runtime, LOOK_MS);
    }
    return STELE_OK;
}

/* ---- workers ---- */

/* The projection and the source that a worker is for. */
static member *find_member(const stele_sql_crew *crew, size_t index, size_t *source)
{
    size_t i = 0;
    while (index >= stele_sql_program_source_count(crew->members[i]->program))
        index -= stele_sql_program_source_count(crew->members[i++]->program);
    *source = index;
    return crew->members[i];
}

stele_status stele_sql_crew_load(stele_sql_crew *crew, size_t index, const atomic_bool *stop,
                                 const stele_logger *logger, stele_error *err)
{
    size_t source;
    stele_error own;
    member *of = find_member(crew, index, &source);
    pthread_mutex_lock(&of->loading);
    stele_status status = load_patiently(crew, of, stop, logger, err == NULL ? &own : err);
    pthread_mutex_unlock(&of->loading);
    return status;
}

const char *stele_sql_crew_name(const stele_sql_crew *crew, size_t index)
{
    size_t source;
    return stele_sql_program_file(find_member(crew, index, &source)->program)->name;
}

stele_sql_projection *stele_sql_crew_projection(const stele_sql_crew *crew, size_t index)
{
    const stele_config *config = stele_client_config(crew->client);
    const char *name = stele_sql_crew_name(crew, index);
    stele_sql_projection_options options = {
        .commit_rows = (size_t)stele_config_int(config, "projection", name, "commit_rows"),
        .commit_interval_ms =
            (int)stele_config_int(config, "projection", name, "commit_interval_ms"),
        .parks = stele_config_is(config, "projection", name, "on_failure", "park"),
        .park_attempts = (int)stele_config_int(config, "projection", name, "park_attempts"),
        .parked_max = (size_t)stele_config_int(config, "projection", name, "parked_max"),
        .parked_size_max = (size_t)stele_config_int(config, "projection", name, "parked_max_mb")
                           << 20};
    options.program = find_member(crew, index, &options.source)->program;
    return stele_sql_projection_open(&options);
}

/* ---- for those who only look ---- */

stele_status stele_sql_read(const stele_config *config, const char *name, stele_sql_program **out,
                            stele_error *err)
{
    stele_sql_program_options options = options_of(config, name);
    return stele_sql_program_open(&options, out, err);
}

char *stele_sql_section_of(const char *projection)
{
    stele_projection_name parsed;
    if (!stele_projection_group_parse(stele_text(projection), &parsed))
        return stele_strdup(projection);
    return stele_strndup((const char *)parsed.projection.data, parsed.projection.size);
}

char *stele_sql_store_shown(const stele_config *config, const char *name)
{
    STELE_AUTO(char) url = url_of(config, name);
    return stele_sql_url_shown(url);
}

bool stele_sql_names_store(const stele_config *config, const char *name)
{
    return text_of(config, name, "store") != NULL || stele_sql_is_configured(config, name);
}

bool stele_sql_has_store(const stele_config *config, const char *name)
{
    static const char *const files[] = {"sqlite:", "lmdb:"};
    STELE_AUTO(char) url = url_of(config, name);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strncmp(url, files[i], strlen(files[i])) == 0)
            return access(url + strlen(files[i]), F_OK) == 0;
    return true;
}

stele_status stele_sql_store_of(stele_client *client, const char *projection, stele_sql_store **out,
                                stele_error *err)
{
    STELE_AUTO(char) name = stele_sql_section_of(projection);
    const stele_config *config = stele_client_config(client);
    STELE_AUTO(char) url = url_of(config, name);
    if (!stele_sql_has_store(config, name))
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "there is no %s: it is made by the first worker that runs %s", url, name);
    return stele_sql_store_new(stele_log_runtime(stele_client_log(client)), url, out, err);
}

stele_status stele_sql_begin_again(stele_client *client, const char *name, bool rows_stay,
                                   const stele_sql_return *returns, size_t count, stele_error *err)
{
    STELE_AUTO(stele_sql_crew) crew = stele_alloc(sizeof *crew);
    crew->client = client;
    stele_status status = add_program(crew, name, err);
    if (status < 0) return status;
    const stele_sql_program *program = crew->members[0]->program;
    return stele_sql_desk_reset(stele_sql_program_options_of(program)->desk,
                                stele_sql_program_file(program), rows_stay, returns, count, err);
}

stele_status stele_sql_begin_table_again(stele_client *client, const stele_projection *projection,
                                         stele_error *err)
{
    STELE_AUTO(stele_sql_crew) crew = stele_alloc(sizeof *crew);
    const stele_fold_table *place;
    crew->client = client;
    stele_status status = stele_sql_crew_table(crew, projection, &place, err);
    if (status < 0 || place == NULL) return status;
    return stele_sql_desk_reset(place->desk, stele_state_table_file(place->table), false, NULL, 0,
                                err);
}

stele_status stele_sql_dismiss(stele_client *client, const char *name, stele_error *err)
{
    STELE_AUTO(stele_sql_crew) crew = stele_alloc(sizeof *crew);
    crew->client = client;
    stele_status status = add_program(crew, name, err);
    if (status < 0) return status;
    const stele_sql_program *program = crew->members[0]->program;
    return stele_sql_desk_dismiss(stele_sql_program_options_of(program)->desk,
                                  stele_sql_program_file(program), err);
}

stele_status stele_sql_dismiss_table(stele_client *client, const stele_projection *projection,
                                     stele_error *err)
{
    STELE_AUTO(stele_sql_crew) crew = stele_alloc(sizeof *crew);
    const stele_fold_table *place;
    crew->client = client;
    stele_status status = stele_sql_crew_table(crew, projection, &place, err);
    if (status < 0 || place == NULL) return status;
    return stele_sql_desk_dismiss(place->desk, stele_state_table_file(place->table), err);
}
