/* SPDX-License-Identifier: MIT
 * Loading a SQL projection: types from the registry, what the parameters are, statements in the
 * database. What fails for a while is asked for again from the beginning. */
#include "projections/sql_program.h"

#include <stele/codec.h>

#include "core/alloc.h"
#include "core/file.h"
#include "core/names.h"
#include "core/suggest.h"
#include "core/text.h"
#include "registry/entry.h"

#define FILE_MAX       ((size_t)1 << 20)
#define JOURNAL_SCHEME "journal:"

struct stele_sql_program {
    stele_sql_program_options options; /* its texts are the two below */
    char *name;
    char *path;
    stele_sql_file *file;
    char *group;
    stele_sql_source *sources;
    size_t source_count;
    stele_sql_guest *guest; /* NULL: not loaded */
    char genesis[37];
};

/* ---- the file ---- */

static stele_status read_file(const stele_sql_program_options *options, stele_sql_file **out,
                              stele_error *err)
{
    size_t size = strlen(JOURNAL_SCHEME);
    if (strncmp(options->file, JOURNAL_SCHEME, size) == 0) {
        STELE_AUTO(char) text = stele_sql_journal(options->file + size, options->dialect);
        return stele_sql_file_parse(options->file, stele_text(text), options->dialect, out, err);
    }
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_status status = stele_file_read(options->file, FILE_MAX, &text, err);
    if (status < 0) return status;
    return stele_sql_file_parse(options->file, stele_buffer_view(&text), options->dialect, out,
                                err);
}

static stele_status check_name(const stele_sql_program_options *options, stele_sql_file *file,
                               stele_error *err)
{
    if (file->name == NULL) file->name = stele_strdup(options->name);
    if (strcmp(file->name, options->name) != 0)
        return stele_fail(
            err, STELE_E_INVALID, STELE_NEXT_STOP,
            "%s is projection %s, and [projection %s] names it: one of the two has to "
            "change",
            file->path, file->name, options->name);
    if (!stele_writer_name_parse(file->name, NULL)) return STELE_OK;
    return stele_fail(
        err, STELE_E_INVALID, STELE_NEXT_STOP,
        "projection %s: a name that ends in .writer is that of an aggregate's writer; "
        "choose another one",
        file->name);
}

stele_status stele_sql_program_open(const stele_sql_program_options *options,
                                    stele_sql_program **out, stele_error *err)
{
    bool is_lmdb = options->dialect == STELE_SQL_NONE;
    if (is_lmdb || options->dialect == STELE_SQL_HASHES)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "[projection %s] store: %s knows no SQL and holds states of folds only; "
                          "name a database, sqlite:PATH or postgres:…",
                          options->name, is_lmdb ? "LMDB" : "Redis");
    STELE_AUTO(stele_sql_program) program = stele_alloc(sizeof *program);
    program->options = *options;
    program->options.name = program->name = stele_strdup(options->name);
    program->options.file = program->path = stele_strdup(options->file);
    stele_status status = read_file(options, &program->file, err);
    if (status < 0 || (status = check_name(options, program->file, err)) < 0) return status;
    const stele_sql_file *file = program->file;
    program->group = stele_projection_group(file->name, file->version);
    while (file->topics[program->source_count] != NULL)
        program->source_count++;
    program->sources = stele_alloc_array(program->source_count, sizeof *program->sources);
    for (size_t i = 0; i < program->source_count; i++)
        program->sources[i].topic = file->topics[i];
    *out = program;
    program = NULL;
    return STELE_OK;
}

static void clear_source(stele_sql_source *source)
{
    for (size_t i = 0; i < source->use_count; i++)
        stele_sql_bind_free(source->uses[i].bind);
    for (size_t i = 0; i < source->other_count; i++)
        stele_sql_bind_free(source->others[i].bind);
    /* Made here, and shown as what no one changes. */
    for (size_t i = 0; source->types != NULL && source->types[i] != NULL; i++)
        stele_type_free((stele_type *)source->types[i]);
    free(source->types);
    free(source->ignored);
    free(source->uses);
    free(source->others);
    source->types = NULL;
    source->ignored = NULL;
    source->uses = source->others = NULL;
    source->use_count = source->other_count = 0;
}

static void clear_sources(stele_sql_program *program)
{
    for (size_t i = 0; program->sources != NULL && i < program->source_count; i++)
        clear_source(&program->sources[i]);
}

void stele_sql_program_free(stele_sql_program *program)
{
    if (program == NULL) return;
    clear_sources(program);
    free(program->sources);
    stele_sql_file_free(program->file);
    free(program->group);
    free(program->name);
    free(program->path);
    free(program);
}

/* ---- types ---- */

static bool is_any(const stele_sql_block *block)
{
    return strcmp(block->type, "*") == 0;
}

/* A registered version, parsed. @param version  0: the latest */
static stele_status find_version(stele_registry *registry, const char *subject, int32_t version,
                                 int timeout_ms, stele_schema **out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_status status =
        stele_registry_version(registry, subject, version, timeout_ms, &entry, err);
    if (status < 0) return status;
    return stele_registry_schema(registry, entry.id, timeout_ms, out, err);
}

/* By what names a type's schemas may be registered: the three usual ones. */
static char *subject_of(const char *topic, const char *type, int way)
{
    switch (way) {
    case 0:
        return stele_registry_subject(topic, type);
    case 1:
        return stele_strdup(type);
    default:
        return stele_strdup_format("%s-value", topic);
    }
}

/* All versions have to be readable as the latest one: events of each may be in the log. */
static stele_status check_versions(const stele_sql_program *program, const stele_sql_block *block,
                                   const char *subject, const stele_type *type, int timeout_ms,
                                   stele_error *err)
{
    stele_registry *registry = program->options.registry;
    int32_t *versions = NULL;
    size_t count = 0;
    stele_status status =
        stele_registry_versions(registry, subject, timeout_ms, &versions, &count, err);
    for (size_t i = 0; status == STELE_OK && i < count; i++) {
        stele_schema *schema = NULL;
        stele_plan *plan = NULL;
        stele_error why;
        status = find_version(registry, subject, versions[i], timeout_ms, &schema, err);
        if (status == STELE_OK && strcmp(stele_schema_name(schema), type->name) == 0 &&
            stele_plan_new(schema, type, NULL, &plan, &why) < 0)
            status =
                stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                           "%s:%d: events of version %d of %s cannot be read as the latest "
                           "one; register one that can read them: %s",
                           program->file->path, block->line, (int)versions[i], subject, why.text);
        stele_plan_free(plan);
        stele_schema_free(schema);
    }
    free(versions);
    return status;
}

/* @param out  NULL: the source has no such type */
static stele_status find_type(const stele_sql_program *program, const stele_sql_block *block,
                              const char *topic, int timeout_ms, stele_type **out, stele_error *err)
{
    stele_type *made = NULL;
    stele_status status = STELE_OK;
    for (int way = 0; way < 3 && made == NULL && status == STELE_OK; way++) {
        STELE_AUTO(char) subject = subject_of(topic, block->type, way);
        stele_schema *schema = NULL;
        status = find_version(program->options.registry, subject, 0, timeout_ms, &schema, err);
        if (status == STELE_E_NOT_FOUND) {
            status = STELE_OK;
            continue;
        }
        if (status == STELE_OK && strcmp(stele_schema_name(schema), block->type) == 0)
            status = stele_type_new(schema, &made, err);
        stele_schema_free(schema);
        if (status == STELE_OK && made != NULL)
            status = check_versions(program, block, subject, made, timeout_ms, err);
    }
    if (status < 0) {
        stele_type_free(made);
        return status;
    }
    *out = made;
    return STELE_OK;
}

/* The index among the source's types; SIZE_MAX: it is not there. */
static size_t type_index(const stele_sql_source *source, const char *name)
{
    for (size_t i = 0; source->types[i] != NULL; i++)
        if (strcmp(source->types[i]->name, name) == 0) return i;
    return SIZE_MAX;
}

/* A subject of that name came between two questions, or it holds another record. */
static stele_status fail_named(const stele_sql_program *program, const stele_sql_block *block,
                               int timeout_ms, stele_error *err)
{
    const char *path = program->file->path;
    for (size_t i = 0; i < program->source_count; i++) {
        STELE_AUTO(char) subject = stele_registry_subject(program->sources[i].topic, block->type);
        stele_schema *schema = NULL;
        if (find_version(program->options.registry, subject, 0, timeout_ms, &schema, NULL) < 0)
            continue;
        STELE_AUTO(char) name = stele_strdup(stele_schema_name(schema));
        stele_schema_free(schema);
        if (strcmp(name, block->type) != 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s:%d: the subject %s holds a schema of %s, not of %s", path,
                              block->line, subject, name, block->type);
    }
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                      "%s:%d: %s was registered this moment", path, block->line, block->type);
}

static stele_status fail_type(const stele_sql_program *program, const stele_sql_block *block,
                              int timeout_ms, stele_error *err)
{
    char **subjects = NULL;
    stele_status status =
        stele_registry_subjects(program->options.registry, timeout_ms, &subjects, err);
    if (status < 0) return status;
    stele_suggestion near = {.word = stele_text(block->type)};
    bool has_any = false, came = false;
    for (char **subject = subjects; *subject != NULL; subject++) {
        for (size_t i = 0; i < program->source_count; i++) {
            size_t size = strlen(program->sources[i].topic);
            if (strncmp(*subject, program->sources[i].topic, size) != 0 || (*subject)[size] != '-')
                continue;
            stele_suggestion_offer(&near, *subject + size + 1);
            has_any = true;
            came = came || strcmp(*subject + size + 1, block->type) == 0;
        }
    }
    const char *path = program->file->path, *topic = program->file->topics[0];
    if (came)
        status = fail_named(program, block, timeout_ms, err);
    else if (!has_any) /* no one has published yet: there is nothing to be wrong about */
        status = stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                            "%s:%d: waiting for a schema of %s: none is registered for %s yet",
                            path, block->line, block->type, topic);
    else if (near.best != NULL)
        status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                            "%s:%d: no type %s is registered for %s; did you mean %s?", path,
                            block->line, block->type, topic, near.best);
    else
        status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                            "%s:%d: no type %s is registered for %s: stele schema list shows what "
                            "is; stele schema register registers one before its first event",
                            path, block->line, block->type, topic);
    free(subjects);
    return status;
}

static void add_type(stele_sql_source *source, const stele_type *type)
{
    size_t count = 0;
    while (source->types[count] != NULL)
        count++;
    source->types = stele_realloc_array(source->types, count + 2, sizeof *source->types);
    source->ignored = stele_realloc_array(source->ignored, count + 2, sizeof *source->ignored);
    source->types[count] = type;
    source->types[count + 1] = NULL;
    source->ignored[count] = true;
}

/* Add the type to the sources that do not have it. @param topic  that has it, or NULL: each source
 * that has it itself @param is_there  set where one has */
static stele_status add_where_missing(stele_sql_program *program, const stele_sql_block *block,
                                      const char **topic, int timeout_ms, stele_error *err)
{
    const char *of = *topic;
    for (size_t i = 0; i < program->source_count; i++) {
        stele_sql_source *source = &program->sources[i];
        stele_type *type = NULL;
        stele_status status = STELE_OK;
        if (type_index(source, block->type) == SIZE_MAX)
            status =
                find_type(program, block, of == NULL ? source->topic : of, timeout_ms, &type, err);
        if (status < 0) return status;
        if (type != NULL) add_type(source, type);
        size_t at = type_index(source, block->type);
        if (at == SIZE_MAX) continue;
        *topic = source->topic;
        if (block->statement_count > 0) source->ignored[at] = false;
    }
    return STELE_OK;
}

/* The type in all sources: one that has it now stands for those that may have it later. */
static stele_status find_in_sources(stele_sql_program *program, const stele_sql_block *block,
                                    int timeout_ms, stele_error *err)
{
    const char *topic = NULL;
    stele_status status = add_where_missing(program, block, &topic, timeout_ms, err);
    if (status < 0) return status;
    if (topic == NULL) return fail_type(program, block, timeout_ms, err);
    return add_where_missing(program, block, &topic, timeout_ms, err);
}

/* ---- uses ---- */

static stele_status add_use(stele_sql_use **uses, size_t *count, const stele_sql_file *file,
                            size_t block, size_t type_at, const stele_type *type, stele_error *err)
{
    stele_sql_bind *bind;
    stele_status status = stele_sql_bind_new(file, &file->blocks[block], type, &bind, err);
    if (status < 0) return status;
    *uses = stele_realloc_array(*uses, *count + 1, sizeof **uses);
    (*uses)[(*count)++] = (stele_sql_use){block, type_at, bind};
    return STELE_OK;
}

static stele_status bind_source(const stele_sql_file *file, stele_sql_source *source,
                                stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; i < file->block_count && status == STELE_OK; i++) {
        const stele_sql_block *block = &file->blocks[i];
        size_t at = is_any(block) ? SIZE_MAX : type_index(source, block->type);
        if (is_any(block))
            status = add_use(&source->others, &source->other_count, file, i, 0, NULL, err);
        else if (at != SIZE_MAX)
            status =
                add_use(&source->uses, &source->use_count, file, i, at, source->types[at], err);
    }
    return status;
}

/* What a parameter is for all its events; where the sources differ it is left to the statement. */
static void set_types(stele_sql_block *block, const stele_sql_bind *bind, bool is_first)
{
    for (size_t i = 0; i < block->statement_count; i++) {
        stele_sql_statement *statement = &block->statements[i];
        for (size_t k = 0; k < statement->parameter_count; k++) {
            stele_sql_type type = stele_sql_bind_type(bind, i, k);
            stele_sql_type *known = &statement->parameters[k].type;
            *known = is_first || *known == type ? type : STELE_SQL_TYPE_ANY;
        }
    }
}

static void set_all_types(stele_sql_program *program)
{
    bool *seen = stele_alloc_array(program->file->block_count, sizeof *seen);
    for (size_t i = 0; i < program->source_count; i++) {
        const stele_sql_source *source = &program->sources[i];
        for (size_t k = 0; k < source->use_count + source->other_count; k++) {
            const stele_sql_use *use =
                k < source->use_count ? &source->uses[k] : &source->others[k - source->use_count];
            set_types(&program->file->blocks[use->block], use->bind, !seen[use->block]);
            seen[use->block] = true;
        }
    }
    free(seen);
}

static stele_status compile(stele_sql_program *program, int timeout_ms, stele_error *err)
{
    const stele_sql_file *file = program->file;
    stele_status status = STELE_OK;
    clear_sources(program);
    for (size_t i = 0; i < program->source_count; i++) {
        program->sources[i].types = stele_alloc_array(1, sizeof *program->sources[i].types);
        program->sources[i].ignored = stele_alloc_array(1, sizeof *program->sources[i].ignored);
    }
    for (size_t i = 0; i < file->block_count && status == STELE_OK; i++)
        if (!is_any(&file->blocks[i]))
            status = find_in_sources(program, &file->blocks[i], timeout_ms, err);
    for (size_t i = 0; i < program->source_count && status == STELE_OK; i++)
        status = bind_source(file, &program->sources[i], err);
    if (status == STELE_OK) set_all_types(program);
    return status;
}

stele_status stele_sql_program_load(stele_sql_program *program, int timeout_ms, stele_error *err)
{
    stele_status status =
        stele_registry_genesis(program->options.registry, timeout_ms, program->genesis, err);
    if (status < 0 || (status = compile(program, timeout_ms, err)) < 0) return status;
    return stele_sql_desk_admit(program->options.desk, program->file, &program->guest, err);
}

/* ---- what others ask ---- */

const stele_sql_file *stele_sql_program_file(const stele_sql_program *program)
{
    return program->file;
}

const char *stele_sql_program_group(const stele_sql_program *program)
{
    return program->group;
}

size_t stele_sql_program_source_count(const stele_sql_program *program)
{
    return program->source_count;
}

const stele_sql_source *stele_sql_program_source(const stele_sql_program *program, size_t index)
{
    return &program->sources[index];
}

const stele_sql_program_options *stele_sql_program_options_of(const stele_sql_program *program)
{
    return &program->options;
}

stele_sql_guest *stele_sql_program_guest(const stele_sql_program *program)
{
    return program->guest;
}

const char *stele_sql_program_genesis(const stele_sql_program *program)
{
    return program->genesis;
}
