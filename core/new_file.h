/* SPDX-License-Identifier: MIT
 * A file that is there whole or not at all: written under another name beside it, and renamed when
 * all of it is on the disk. */
#ifndef STELE_CORE_NEW_FILE_H
#define STELE_CORE_NEW_FILE_H

#include <stdio.h>

#include <stele/error.h>

#include "core/scope.h"

/** All zero is no file. */
typedef struct stele_new_file {
    FILE *file; /* to write to; owned */
    char *path;
    char *part; /* "PATH.part": what is there while it is written, or after a crash */
} stele_new_file;

/**
 * Begin a file. What an earlier process has left of it is written over; what another one is
 * writing is not.
 *
 * @param out  release with stele_new_file_clear
 * @return STELE_E_EXISTS       there is a file of that name, or another process is at it (next =
 * STOP) STELE_E_UNAVAILABLE  it cannot be made (next = STOP)
 */
stele_status stele_new_file_open(const char *path, stele_new_file *out, stele_error *err);

/** All of it is written: bring it to the disk and give it its name. @return as above; nothing of
 * that name is there then */
stele_status stele_new_file_keep(stele_new_file *file, stele_error *err);

/** Release it. What was not kept is removed. */
void stele_new_file_clear(stele_new_file *file);
STELE_VALUE_SCOPE(stele_new_file, stele_new_file_clear);

#endif
