/* SPDX-License-Identifier: MIT
 * Reading files by stdio, in pieces, so that pipes and /proc work too. */
#include "core/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"

static void close_file(FILE *file)
{
    fclose(file); /* opened for reading: nothing can be lost */
}

STELE_SCOPE(FILE, close_file);

enum { PIECE_SIZE = 64 * 1024 };

stele_status stele_file_read(const char *path, size_t size_max, stele_buffer *out, stele_error *err)
{
    STELE_AUTO(FILE) file = fopen(path, "rbe");
    if (file == NULL && path[0] == '\0')
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno,
                                "a file's name is empty");
    if (file == NULL) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno,
                                "%s cannot be opened: %s", path, strerror(errno));
    }
    STELE_AUTO_VALUE(stele_buffer) content = {0};
    size_t size;
    do {
        size = fread(stele_buffer_reserve(&content, PIECE_SIZE), 1, PIECE_SIZE, file);
        content.size += size;
        if (content.size > size_max) {
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s is larger than %zu bytes",
                              path, size_max);
        }
    } while (size > 0);
    if (ferror(file)) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno,
                                "%s cannot be read: %s", path, strerror(errno));
    }
    stele_buffer_append(out, stele_buffer_view(&content));
    return STELE_OK;
}
