/* SPDX-License-Identifier: MIT
 * A SQL projection that is ready to run: its file, held against the schemas of its events and
 * against its database. One for all workers of a process that run it. */
#ifndef STELE_PROJECTIONS_SQL_PROGRAM_H
#define STELE_PROJECTIONS_SQL_PROGRAM_H

#include "projections/sql_bind.h"
#include "projections/sql_desk.h"
#include "projections/sql_file.h"
#include "registry/registry.h"

typedef struct stele_sql_program stele_sql_program;

/** Texts are copied, the rest is borrowed and outlives the program. */
typedef struct stele_sql_program_options {
    const char *name;          /* of the projection */
    const char *file;          /* its path; or "journal:TOPIC", every event of a topic as a row */
    stele_sql_dialect dialect; /* in which its statements are written */
    bool ignore_others;        /* events of types that the file does not name are passed over */
    stele_registry *registry;
    stele_sql_desk *desk; /* NULL: the program is only looked at */
} stele_sql_program_options;

/**
 * Read the file.
 *
 * @param out  caller owns; release with stele_sql_program_free after its desk
 * @return STELE_E_NOT_FOUND  the file cannot be read (next = STOP)
 *         STELE_E_INVALID    it is no such file; the text says the line (next = STOP)
 */
stele_status stele_sql_program_open(const stele_sql_program_options *options,
                                    stele_sql_program **out, stele_error *err);
void stele_sql_program_free(stele_sql_program *program);
STELE_SCOPE(stele_sql_program, stele_sql_program_free);

/**
 * Look every type and parameter up in the schemas that are registered for the sources, set the
 * projection up in its database and prepare its statements. An event is read as the latest version
 * of its type, so that fields that older ones do not have are their defaults.
 *
 * @param timeout_ms  of one question to the registry
 * @return next = RETRY     registry or database are away, or no type is registered yet: call again
 *         STELE_E_INVALID  a mistake in the file; the text says the line (next = STOP)
 */
stele_status stele_sql_program_load(stele_sql_program *program, int timeout_ms, stele_error *err);

const stele_sql_file *stele_sql_program_file(const stele_sql_program *program);
/** "<projection>.v<n>" */
const char *stele_sql_program_group(const stele_sql_program *program);
size_t stele_sql_program_source_count(const stele_sql_program *program);

/* ---- for its tasks, once it is loaded ---- */

/** What a block does with the events of one source. */
typedef struct stele_sql_use {
    size_t block;         /* of the file */
    size_t type;          /* of the source's types */
    stele_sql_bind *bind; /* owned by the program */
} stele_sql_use;

/** A topic whose events are read. */
typedef struct stele_sql_source {
    const char *topic;
    const stele_type **types; /* NULL-terminated; that events are decoded to */
    bool *ignored;            /* by declaration, for each of them */
    stele_sql_use *uses;      /* in the order of the file */
    size_t use_count;
    stele_sql_use *others; /* for the types that no block names; `type` means nothing */
    size_t other_count;
} stele_sql_source;

const stele_sql_source *stele_sql_program_source(const stele_sql_program *program, size_t index);
const stele_sql_program_options *stele_sql_program_options_of(const stele_sql_program *program);
stele_sql_guest *stele_sql_program_guest(const stele_sql_program *program);
/** Of the registry that its schemas are of. */
const char *stele_sql_program_genesis(const stele_sql_program *program);

#endif
