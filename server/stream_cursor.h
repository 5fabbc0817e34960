/* SPDX-License-Identifier: MIT
 * Where a stream of records has come to, as text that a client gives back: the next offset of each
 * partition. Pure: bytes in, numbers out.
 *
 *   1042.17.0.998   all partitions of a topic of events, from 0 on
 *   3@998           one partition
 *   v2-1042.17      of version 2 of a projection; likewise v2-1@17 */
#ifndef STELE_SERVER_STREAM_CURSOR_H
#define STELE_SERVER_STREAM_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <stele/buffer.h>

enum {
    STELE_CURSOR_PARTITIONS_MAX = 256,
    STELE_CURSOR_TEXT_MAX = 5300 /* bytes: it has to fit into the line of a request */
};

/** A value; all zero is no cursor. */
typedef struct stele_cursor {
    int version;   /* of the projection; 0: of events */
    int32_t only;  /* the one partition that it is about; -1: all of them */
    int32_t count; /* of the partitions, and of the offsets; of one only 1 */
    int64_t offsets[STELE_CURSOR_PARTITIONS_MAX];
} stele_cursor;

/** @param out  untouched if it is none @return false: it is no cursor, or too long for one */
bool stele_cursor_parse(stele_bytes text, stele_cursor *out);

/** Append it. Parsing that gives the same cursor. */
void stele_cursor_write(const stele_cursor *cursor, stele_buffer *out);

#endif
