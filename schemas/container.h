/* SPDX-License-Identifier: MIT
 * Avro object container files (specification, "Object Container Files"): a head with the schema and
 * what else is said of the file, then blocks of data. It knows bytes: what a datum is, its caller
 * says. Codecs: null, deflate, and zstandard where the program is built with it.
 *
 * avro-c has these files too, but takes and hands out no metadata of one's own, trusts every length
 * in the file, and says neither where a damaged one is damaged. */
#ifndef STELE_SCHEMAS_CONTAINER_H
#define STELE_SCHEMAS_CONTAINER_H

#include <stdio.h>

#include <stele/buffer.h>
#include <stele/error.h>

#include "core/scope.h"

enum {
    STELE_CONTAINER_SYNC_SIZE = 16,
    STELE_CONTAINER_HEAD_MAX = 64 * 1024 * 1024,  /* bytes of metadata */
    STELE_CONTAINER_BLOCK_MAX = 256 * 1024 * 1024 /* bytes of a block, compressed or not */
};

typedef enum stele_container_codec {
    STELE_CONTAINER_DEFLATE = 0,
    STELE_CONTAINER_NULL,
    STELE_CONTAINER_ZSTANDARD /* stele_zstd_is_built */
} stele_container_codec;

/** What is said of a file under a name. */
typedef struct stele_container_entry {
    const char *name;
    stele_bytes value;
} stele_container_entry;

/* ---- writing ---- */

/** What a datum is made of: a number (int, long, the branch of a union), and bytes or a string. */
void stele_container_append_long(stele_buffer *out, int64_t value);
void stele_container_append_bytes(stele_buffer *out, stele_bytes bytes);

typedef struct stele_container_writer stele_container_writer;

/** Borrowed for the call, but for the file and its name. */
typedef struct stele_container_options {
    FILE *file;
    const char *name;                      /* of the file, for messages */
    const stele_container_entry *metadata; /* "avro.schema" among them; not "avro.codec" */
    size_t metadata_count;
    stele_container_codec codec;
    uint8_t sync[STELE_CONTAINER_SYNC_SIZE]; /* random, so that no datum has it in it */
    size_t block_size;                       /* data of a block before it is written; 0: 256 KiB */
} stele_container_options;

/** Write the head. @param out  caller owns; release with stele_container_writer_free, which writes
 * nothing more @return STELE_E_UNAVAILABLE  the file cannot be written (next = STOP) */
stele_status stele_container_writer_new(const stele_container_options *options,
                                        stele_container_writer **out, stele_error *err);
void stele_container_writer_free(stele_container_writer *writer);
STELE_SCOPE(stele_container_writer, stele_container_writer_free);

/** Where the next datum is appended to, and nothing else is changed; stele_container_put ends it.
 */
stele_buffer *stele_container_datum(stele_container_writer *writer);

/** The datum is whole. @return STELE_E_LIMIT  it is too large for a file (next = STOP)
 *         STELE_E_UNAVAILABLE  as above */
stele_status stele_container_put(stele_container_writer *writer, stele_error *err);

/** Write what is left, down to the file's descriptor. */
stele_status stele_container_finish(stele_container_writer *writer, stele_error *err);

/* ---- reading ---- */

typedef struct stele_container_reader stele_container_reader;

/**
 * Read the head.
 *
 * @param file, name  borrowed; must outlive the reader
 * @return STELE_E_INVALID  no such file, or it is damaged: the text has the byte
 *         STELE_E_LIMIT    a length in it is past a limit (next = STOP in all cases)
 */
stele_status stele_container_reader_new(FILE *file, const char *name, stele_container_reader **out,
                                        stele_error *err);
void stele_container_reader_free(stele_container_reader *reader);
STELE_SCOPE(stele_container_reader, stele_container_reader_free);

/** What the file says under a name; valid as long as the reader; null: nothing. */
stele_bytes stele_container_metadata(const stele_container_reader *reader, const char *name);

/** A block of a file. */
typedef struct stele_container_block {
    int64_t position; /* byte of the file where it begins */
    int64_t count;    /* of data, as the file says; at least 1 */
    stele_bytes data; /* view, valid until the next block is read */
} stele_container_block;

/** The next block. @return 1, 0 at the end of the file, or a failure as of _new */
int stele_container_next(stele_container_reader *reader, stele_container_block *out,
                         stele_error *err);

#endif
