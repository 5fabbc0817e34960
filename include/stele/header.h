/* SPDX-License-Identifier: MIT
 * A header of a record on Kafka: a name, which may be there more than once, and bytes. */
#ifndef STELE_HEADER_H
#define STELE_HEADER_H

#include <stele/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A null value is allowed. How long it is valid is said where it is handed out. */
typedef struct stele_header {
    const char *name;
    stele_bytes value;
} stele_header;

#ifdef __cplusplus
}
#endif

#endif
