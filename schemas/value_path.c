/* SPDX-License-Identifier: MIT
 * A path that is built backwards; what does not fit loses its beginning, for its end says more. */
#include "schemas/value_path.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

static void prepend(stele_value_path *path, const char *text)
{
    size_t size = strlen(text);
    size_t left = sizeof path->text - path->size;
    if (size > left) {
        text += size - left;
        size = left;
    }
    path->size += size;
    memcpy(path->text + sizeof path->text - path->size, text, size);
}

/* Between a name and what follows it is a dot, unless that is an index. */
static void prepend_name(stele_value_path *path, const char *name)
{
    if (path->size > 0 && path->text[sizeof path->text - path->size] != '[') prepend(path, ".");
    prepend(path, name);
}

void stele_value_path_field(stele_value_path *path, const char *name)
{
    if (name != NULL) prepend_name(path, name);
}

void stele_value_path_key(stele_value_path *path, stele_bytes key)
{
    stele_quoted quoted = stele_quote(key.data == NULL ? stele_text("") : key);
    quoted.text[strlen(quoted.text) - 1] = '\0';
    prepend_name(path, quoted.text + 1);
}

void stele_value_path_index(stele_value_path *path, size_t index)
{
    char text[32];
    snprintf(text, sizeof text, "[%zu]", index);
    /* What follows an index is a name or another index. */
    if (path->size > 0 && path->text[sizeof path->text - path->size] != '[') prepend(path, ".");
    prepend(path, text);
}

stele_status stele_value_path_fail(const stele_value_path *path, stele_status status,
                                   const char *why, stele_error *err)
{
    return stele_fail(err, status, STELE_NEXT_REJECT, "%.*s%s%s", (int)path->size,
                      path->text + sizeof path->text - path->size, path->size == 0 ? "" : ": ",
                      why);
}
