/* SPDX-License-Identifier: MIT
 * The code generator on files: reads schemas, writes what changed. */
#include "schemas/generate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/file.h"
#include "schemas/scopes.h"

enum { FILE_SIZE_MAX = 16 * 1024 * 1024 };

static bool holds(const char *path, stele_bytes text)
{
    STELE_AUTO_VALUE(stele_buffer) found = {0};
    return stele_file_read(path, FILE_SIZE_MAX, &found, NULL) == STELE_OK &&
           stele_bytes_equal(stele_buffer_view(&found), text);
}

/* A file on its way into the folder: written under another name, then renamed. */
typedef struct new_file {
    char *path;
    char *temporary; /* NULL: nothing was written, or it has its name */
} new_file;

static void new_file_clear(new_file *file)
{
    if (file->temporary != NULL) unlink(file->temporary);
    free(file->temporary);
    free(file->path);
}

STELE_VALUE_SCOPE(new_file, new_file_clear);

static stele_status cannot_write(const char *path, int cause, stele_error *err)
{
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, cause,
                            "%s: cannot be written: %s", path, strerror(cause));
}

/* Is there something that a rename would replace although it may not be written? */
static stele_status check_place(const char *path, stele_error *err)
{
    struct stat found;
    if (stat(path, &found) != 0) return STELE_OK;
    if (S_ISDIR(found.st_mode)) return cannot_write(path, EISDIR, err);
    if (access(path, W_OK) != 0) return cannot_write(path, errno, err);
    return STELE_OK;
}

static stele_status write_temporary(new_file *file, stele_bytes text, stele_error *err)
{
    stele_status status;
    if ((status = check_place(file->path, err)) < 0) return status;
    STELE_AUTO(char) name = stele_strdup_format("%s.%ld.new", file->path, (long)getpid());
    FILE *out = fopen(name, "wb");
    if (out == NULL) return cannot_write(file->path, errno, err);
    file->temporary = name;
    name = NULL;
    int cause = fwrite(text.data, 1, text.size, out) == text.size ? 0 : errno;
    if (fclose(out) != 0 && cause == 0) cause = errno;
    return cause == 0 ? STELE_OK : cannot_write(file->path, cause, err);
}

static stele_status rename_temporary(new_file *file, stele_error *err)
{
    if (file->temporary == NULL) return STELE_OK;
    if (rename(file->temporary, file->path) != 0) return cannot_write(file->path, errno, err);
    free(file->temporary);
    file->temporary = NULL;
    return STELE_OK;
}

/* Both or neither, but for a rename that fails after the first one. */
static stele_status write_files(const char *folder, const char *name, stele_bytes header,
                                stele_bytes source, stele_error *err)
{
    STELE_AUTO_VALUE(new_file) h = {.path = stele_strdup_format("%s/%s.h", folder, name)};
    STELE_AUTO_VALUE(new_file) c = {.path = stele_strdup_format("%s/%s.c", folder, name)};
    stele_status status;
    if (!holds(h.path, header) && (status = write_temporary(&h, header, err)) < 0) return status;
    if (!holds(c.path, source) && (status = write_temporary(&c, source, err)) < 0) return status;
    if ((status = rename_temporary(&h, err)) < 0) return status;
    return rename_temporary(&c, err);
}

/* Schemas read so far; each may refer to those before it. */
typedef struct schema_list {
    stele_schema **items; /* NULL-terminated */
    size_t count;
} schema_list;

static void schema_list_clear(schema_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        stele_schema_free(list->items[i]);
    free(list->items);
}

STELE_VALUE_SCOPE(schema_list, schema_list_clear);

static stele_status read_schema(schema_list *list, const char *path, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_status status;
    if ((status = stele_file_read(path, FILE_SIZE_MAX, &text, err)) < 0) return status;
    /* A file that needs no other one may define names that others define as well. */
    stele_schema_options options = {.name = path};
    STELE_AUTO(stele_schema) schema = NULL;
    status = stele_schema_parse(stele_buffer_view(&text), &options, &schema, err);
    if (status < 0 && list->count > 0) {
        options.with = (const stele_schema *const *)list->items;
        status = stele_schema_parse(stele_buffer_view(&text), &options, &schema, err);
    }
    if (status < 0) return status;
    list->items = stele_realloc_array(list->items, list->count + 2, sizeof *list->items);
    list->items[list->count++] = schema;
    list->items[list->count] = NULL;
    schema = NULL;
    return STELE_OK;
}

/* "events/purchase.v1.avsc": "purchase.v1"; caller owns. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(name, '.');
    return stele_strndup(name, dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name));
}

stele_status stele_generate_files(const char *path, const char *const *with, const char *folder,
                                  const char *prefix, stele_error *err)
{
    STELE_AUTO_VALUE(schema_list) list = {0};
    stele_status status;
    for (size_t i = 0; with != NULL && with[i] != NULL; i++) {
        if ((status = read_schema(&list, with[i], err)) < 0) return status;
    }
    if ((status = read_schema(&list, path, err)) < 0) return status;

    STELE_AUTO(stele_schema) schema = list.items[--list.count];
    list.items[list.count] = NULL;
    STELE_AUTO(char) stem = stem_of(path);
    STELE_AUTO(char) name = stele_strdup_format("%s%s", prefix == NULL ? "" : prefix, stem);
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    stele_generate_options options = {
        .name = name,
        .prefix = prefix,
        .before = (const stele_schema *const *)list.items,
    };
    stele_error reason = {0};
    if ((status = stele_generate(schema, &options, &header, &source, &reason)) < 0)
        return stele_fail(err, status, reason.next, "%s: %s", path, reason.text);
    return write_files(folder, name, stele_buffer_view(&header), stele_buffer_view(&source), err);
}
