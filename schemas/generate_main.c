/* SPDX-License-Identifier: MIT
 * stele-generate: the code generator while Stele itself is built, when there is no `stele` yet.
 *   stele-generate SCHEMA -o FOLDER [--prefix NAME] [--with SCHEMA]… */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/generate.h"

static int usage(void)
{
    fprintf(stderr, "usage: stele-generate SCHEMA -o FOLDER [--prefix NAME] [--with SCHEMA]...\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    const char *folder = NULL;
    const char *prefix = NULL;
    const char **with = stele_alloc_array((size_t)argc + 1, sizeof *with);
    size_t with_count = 0;
    bool understood = true;
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "-o") == 0         ? &folder
                             : strcmp(argv[i], "--prefix") == 0 ? &prefix
                             : strcmp(argv[i], "--with") == 0   ? &with[with_count++]
                                                                : NULL;
        if (value != NULL) {
            understood = understood && ++i < argc;
            if (i < argc) *value = argv[i];
        } else {
            understood = understood && path == NULL;
            path = argv[i];
        }
    }
    if (!understood || path == NULL || folder == NULL) {
        free(with);
        return usage();
    }

    stele_error err;
    stele_status status = stele_generate_files(path, with, folder, prefix, &err);
    free(with);
    if (status == STELE_OK) return 0;
    fprintf(stderr, "stele-generate: %s\n", err.text);
    return 1;
}
