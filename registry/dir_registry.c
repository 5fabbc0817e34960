/* SPDX-License-Identifier: MIT
 * The `dir:` registry: files `<id>-<name>.avsc` in a folder, read once when it is opened. For tests
 * and for builds without a network. A file may use names that other files define. */
#include <dirent.h>
#include <errno.h>

#include "core/alloc.h"
#include "core/text.h"
#include "registry/entry.h"
#include "registry/registry_port.h"
#include "schemas/schema_text.h"
#include "schemas/scopes.h"

STELE_SCOPE(DIR, closedir);
STELE_SCOPE(FILE, fclose);

enum { TEXT_MAX = 1 << 20, FILES_MAX = 100000 };

typedef struct schema_file {
    int32_t id;
    char *path;
    stele_buffer text;
    stele_schema *schema; /* NULL: see `failure` */
    stele_error failure;
} schema_file;

typedef struct dir_registry {
    stele_registry base;
    char *path;
    schema_file *files; /* by id */
    size_t count;
} dir_registry;

static void close_dir(stele_registry *self)
{
    dir_registry *registry = (dir_registry *)self;
    for (size_t i = 0; i < registry->count; i++) {
        stele_schema_free(registry->files[i].schema);
        stele_buffer_clear(&registry->files[i].text);
        free(registry->files[i].path);
    }
    free(registry->files);
    free(registry->path);
    free(registry);
}
static stele_status no_access(const char *path, stele_error *err)
{
    stele_status status = errno == ENOENT ? STELE_E_NOT_FOUND : STELE_E_INVALID;
    return stele_fail_cause(err, status, STELE_NEXT_STOP, errno, "registry dir:%s: %s", path,
                            strerror(errno));
}

/* ---- files ---- */

/* "12-shop.Purchase.avsc" → 12; 0 if the name is not of that form. */
static int32_t id_of_name(const char *name)
{
    const char *end = strstr(name, ".avsc");
    size_t digits = strspn(name, "0123456789");
    int64_t id;
    if (end == NULL || end[strlen(".avsc")] != '\0' || name[digits] != '-') return 0;
    if (stele_parse_int64(stele_bytes_of(name, digits), 1, INT32_MAX, &id, NULL) < 0) return 0;
    return (int32_t)id;
}

static stele_status read_file(const char *path, stele_buffer *out, stele_error *err)
{
    STELE_AUTO(FILE) file = fopen(path, "rbe");
    if (file == NULL) return no_access(path, err);
    size_t size;
    do {
        size = fread(stele_buffer_reserve(out, 65536), 1, 65536, file);
        out->size += size;
    } while (size > 0 && out->size <= TEXT_MAX);
    if (ferror(file)) return no_access(path, err);
    if (out->size <= TEXT_MAX) return STELE_OK;
    return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s: larger than %d bytes", path,
                      TEXT_MAX);
}

static stele_status add_file(dir_registry *registry, const char *name, stele_error *err)
{
    int32_t id = id_of_name(name);
    if (id == 0) return STELE_OK;
    if (registry->count == FILES_MAX) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s: more than %d schemas",
                          registry->path, FILES_MAX);
    }
    registry->files =
        stele_realloc_array(registry->files, registry->count + 1, sizeof *registry->files);
    schema_file *file = &registry->files[registry->count++];
    *file = (schema_file){.id = id, .path = stele_strdup_format("%s/%s", registry->path, name)};
    return read_file(file->path, &file->text, err);
}

static int compare_files(const void *a, const void *b)
{
    int32_t left = ((const schema_file *)a)->id;
    int32_t right = ((const schema_file *)b)->id;
    return (left > right) - (left < right);
}

static stele_status read_files(dir_registry *registry, stele_error *err)
{
    STELE_AUTO(DIR) folder = opendir(registry->path);
    if (folder == NULL) return no_access(registry->path, err);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        stele_status status = add_file(registry, entry->d_name, err);
        if (status < 0) return status;
    }
    if (registry->count > 1)
        qsort(registry->files, registry->count, sizeof *registry->files, compare_files);
    for (size_t i = 1; i < registry->count; i++) {
        if (registry->files[i - 1].id != registry->files[i].id) continue;
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "id %d is of two files: %s and %s",
                          (int)registry->files[i].id, registry->files[i - 1].path,
                          registry->files[i].path);
    }
    return STELE_OK;
}

/* ---- schemas ---- */

/* Does the text hold this name in quotes? */
static bool is_quoted_in(stele_buffer *text, const char *name)
{
    STELE_AUTO(char) quoted = stele_strdup_format("\"%s\"", name);
    return strstr(stele_buffer_text(text), quoted) != NULL;
}

/* May the file refer to a schema of that full name? Not to one of its own name: that is another
 * version of it. */
static bool may_refer_to(schema_file *file, const char *full_name)
{
    const char *last_dot = strrchr(full_name, '.');
    const char *name = last_dot == NULL ? full_name : last_dot + 1;
    stele_tree_problem ignored;
    STELE_AUTO(stele_arena) trees = stele_arena_new();
    const stele_tree *json = stele_schema_tree(stele_buffer_view(&file->text), trees, &ignored);
    const char *own = stele_tree_string(stele_tree_get(json, "name"));
    const char *space = stele_tree_string(stele_tree_get(json, "namespace"));
    if (own == NULL) own = "";
    bool has_space = space != NULL && space[0] != '\0' && strchr(own, '.') == NULL;
    own += own[0] == '.'; /* of no namespace */
    STELE_AUTO(char)
    own_full = has_space ? stele_strdup_format("%s.%s", space, own) : stele_strdup(own);
    if (strcmp(own_full, full_name) == 0) return false;
    return is_quoted_in(&file->text, full_name) || is_quoted_in(&file->text, name);
}

/* Schemas that a file may refer to: of each name the one with the highest id below the file's, for
 * that is the version it was written against; else the lowest above. */
static const stele_schema **others(const dir_registry *registry, size_t self)
{
    const stele_schema **with = stele_alloc_array(registry->count + 1, sizeof *with);
    size_t count = 0;
    for (size_t n = 1; n < registry->count; n++) {
        size_t i = n <= self ? self - n : n;
        const stele_schema *schema = registry->files[i].schema;
        bool skipped =
            schema == NULL || !may_refer_to(&registry->files[self], stele_schema_name(schema));
        for (size_t k = 0; k < count && !skipped; k++)
            skipped = strcmp(stele_schema_name(with[k]), stele_schema_name(schema)) == 0;
        if (!skipped) with[count++] = schema;
    }
    return with;
}

static bool parse_file(dir_registry *registry, size_t index, const stele_schema *const *with)
{
    schema_file *file = &registry->files[index];
    stele_schema_options options = {.name = file->path, .with = with};
    return stele_schema_parse(stele_buffer_view(&file->text), &options, &file->schema,
                              &file->failure) == STELE_OK;
}

/* First the schemas without references, then those that refer to them, until no more can be parsed.
 */
static void parse_files(dir_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        parse_file(registry, i, NULL);
    bool progress = true;
    while (progress) {
        progress = false;
        for (size_t i = 0; i < registry->count; i++) {
            if (registry->files[i].schema != NULL) continue;
            const stele_schema **with = others(registry, i);
            progress = parse_file(registry, i, with) || progress;
            free(with);
        }
    }
}

static stele_status schema_of_id(stele_registry *self, int32_t id, int timeout_ms,
                                 stele_schema **out, stele_error *err)
{
    (void)timeout_ms;
    dir_registry *registry = (dir_registry *)self;
    schema_file wanted = {.id = id};
    const schema_file *file = registry->count == 0
                                  ? NULL
                                  : bsearch(&wanted, registry->files, registry->count,
                                            sizeof *registry->files, compare_files);
    if (file == NULL) {
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, "%s has no file %d-NAME.avsc",
                          registry->path, (int)id);
    }
    if (file->schema == NULL) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, file->failure.cause, "%s",
                                file->failure.text);
    }
    *out = stele_schema_retain(file->schema);
    return STELE_OK;
}

/* Read-only: but a schema that is there is found, however its text is laid out. */
static stele_status find_registered(stele_registry *self, const char *subject, stele_bytes text,
                                    const stele_registry_reference *references, size_t count,
                                    int timeout_ms, int32_t *id, stele_error *err)
{
    (void)references, (void)count, (void)timeout_ms;
    dir_registry *registry = (dir_registry *)self;
    stele_schema_options options = {.name = subject};
    STELE_AUTO(stele_schema) wanted = NULL;
    stele_schema_parse(text, &options, &wanted, NULL); /* fails for one that refers to others */
    for (size_t i = 0; i < registry->count; i++) {
        const schema_file *file = &registry->files[i];
        bool same =
            stele_bytes_equal(stele_buffer_view(&file->text), text) ||
            (wanted != NULL && file->schema != NULL && stele_schema_equal(wanted, file->schema));
        if (!same) continue;
        *id = file->id;
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "%s holds no file with this schema of subject %s, and is not written to: add "
                      "one, ID-NAME.avsc",
                      registry->path, subject);
}

static stele_status no_genesis(stele_registry *self, int timeout_ms, char out[37], stele_error *err)
{
    (void)self, (void)timeout_ms, (void)err;
    out[0] = '\0';
    return STELE_OK;
}

/* ---- listing ---- */

/* "schemas/12-shop.Purchase.avsc" → "shop.Purchase" */
static stele_bytes subject_of(const schema_file *file)
{
    const char *slash = strrchr(file->path, '/');
    const char *name = strchr(slash + 1, '-') + 1;
    return stele_bytes_of(name, strlen(name) - strlen(".avsc"));
}

/* How many files up to `end` have this subject. */
static int32_t version_of(const dir_registry *registry, stele_bytes subject, size_t end)
{
    int32_t version = 0;
    for (size_t i = 0; i < end; i++)
        version += stele_bytes_equal(subject_of(&registry->files[i]), subject);
    return version;
}

static stele_status list_subjects(stele_registry *self, int timeout_ms, char ***out,
                                  stele_error *err)
{
    (void)timeout_ms, (void)err;
    const dir_registry *registry = (const dir_registry *)self;
    size_t bytes = (registry->count + 1) * sizeof(char *);
    for (size_t i = 0; i < registry->count; i++)
        bytes += subject_of(&registry->files[i]).size + 1;
    char **names = stele_alloc(bytes);
    char *at = (char *)(names + registry->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < registry->count; i++) {
        stele_bytes subject = subject_of(&registry->files[i]);
        if (version_of(registry, subject, i) > 0) continue;
        names[count++] = memcpy(at, subject.data, subject.size);
        at += subject.size + 1;
    }
    *out = names;
    return STELE_OK;
}

static stele_status no_version(const dir_registry *registry, const char *subject, stele_error *err)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "%s has no such version of subject %s (files ID-%s.avsc)", registry->path,
                      subject, subject);
}

static stele_status list_versions(stele_registry *self, const char *subject, int timeout_ms,
                                  int32_t **out, size_t *count, stele_error *err)
{
    (void)timeout_ms;
    const dir_registry *registry = (const dir_registry *)self;
    int32_t last = version_of(registry, stele_text(subject), registry->count);
    if (last == 0) return no_version(registry, subject, err);
    *out = stele_alloc_array((size_t)last, sizeof **out);
    *count = (size_t)last;
    for (int32_t i = 0; i < last; i++)
        (*out)[i] = i + 1;
    return STELE_OK;
}

static stele_status find_version(stele_registry *self, const char *subject, int32_t version,
                                 int timeout_ms, stele_registry_entry *out, stele_error *err)
{
    (void)timeout_ms;
    const dir_registry *registry = (const dir_registry *)self;
    stele_bytes name = stele_text(subject);
    if (version == 0) version = version_of(registry, name, registry->count);
    for (size_t i = 0; i < registry->count; i++) {
        const schema_file *file = &registry->files[i];
        if (!stele_bytes_equal(subject_of(file), name)) continue;
        if (version_of(registry, name, i + 1) != version) continue;
        *out = (stele_registry_entry){
            .id = file->id,
            .version = version,
            .text = stele_strndup((const char *)file->text.data, file->text.size)};
        return STELE_OK;
    }
    return no_version(registry, subject, err);
}

/* ---- opening ---- */

stele_status stele_dir_registry_open(const stele_registry_options *options, stele_registry **out,
                                     stele_error *err)
{
    static const stele_registry_ops ops = {.close = close_dir,
                                           .schema = schema_of_id,
                                           .register_schema = find_registered,
                                           .genesis = no_genesis,
                                           .subjects = list_subjects,
                                           .versions = list_versions,
                                           .version = find_version};
    dir_registry *registry = stele_alloc(sizeof *registry);
    registry->base.ops = &ops;
    registry->base.runtime = stele_registry_options_runtime(options);
    registry->path = stele_strdup(options->url + strlen("dir:"));
    stele_status status = read_files(registry, err);
    if (status < 0) {
        close_dir(&registry->base);
        return status;
    }
    parse_files(registry);
    *out = &registry->base;
    return STELE_OK;
}
