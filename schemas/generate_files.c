/* SPDX-License-Identifier: MIT
 * The code generator on files: reads schemas, writes what changed. */
#include "schemas/generate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static stele_status write_file(const char *path, stele_bytes text, stele_error *err)
{
    if (holds(path, text)) return STELE_OK;
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(text.data, 1, text.size, file) == text.size;
    if (file != NULL && fclose(file) != 0) written = false;
    if (written) return STELE_OK;
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno,
                            "%s: cannot be written: %s", path, strerror(errno));
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

    STELE_AUTO(char) stem = stem_of(path);
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    stele_generate_options options = {.name = stem, .prefix = prefix};
    status = stele_generate(list.items[list.count - 1], &options, &header, &source, err);
    if (status < 0) return status;

    STELE_AUTO(char) header_path = stele_strdup_format("%s/%s.h", folder, stem);
    STELE_AUTO(char) source_path = stele_strdup_format("%s/%s.c", folder, stem);
    if ((status = write_file(header_path, stele_buffer_view(&header), err)) < 0) return status;
    return write_file(source_path, stele_buffer_view(&source), err);
}
