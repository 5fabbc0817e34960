/* SPDX-License-Identifier: MIT
 * Feeds a fuzz target the files of its corpus, one by one, where libFuzzer is not linked. A target
 * without a corpus is an error: such a test could not fail. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    long size = ftell(file);
    rewind(file);
    /* Exactly its size, so that AddressSanitizer sees the first byte read past it. */
    uint8_t *data = malloc((size_t)size);
    size_t got = fread(data, 1, (size_t)size, file);
    fclose(file);
    if (got == (size_t)size) LLVMFuzzerTestOneInput(data, got);
    free(data);
    return got == (size_t)size ? 0 : 1;
}

static int replay_folder(const char *path, size_t *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        char *name = stele_strdup_format("%s/%s", path, entry->d_name);
        failed |= replay_file(name);
        free(name);
        ++*count;
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay_folder(argv[i], &count);
    printf("%zu inputs\n", count);
    return failed != 0 || count == 0;
}
