/* SPDX-License-Identifier: MIT
 * The code generator: C structs, tables and straight-line code for the record types of a schema. */
#ifndef STELE_SCHEMAS_GENERATE_H
#define STELE_SCHEMAS_GENERATE_H

#include <stele/schema.h>

/** What the output is called. */
typedef struct stele_generate_options {
    const char *name;   /* of both files without suffix: "purchase" for purchase.h and purchase.c */
    const char *prefix; /* put in front of every C name, "v1_"; NULL: none */
    const stele_schema *const
        *before; /* NULL-terminated: their headers are made with the same
                    prefix and are included together with this one, so they
                    have their names first; NULL: none; borrowed for the call */
} stele_generate_options;

/**
 * Write a header and a source for a schema whose top is a record, an enum or a fixed, with all
 * named types in it.
 *
 * The same schema and options make the same bytes. A type that other generated headers define too
 * is the same C type, and may be included with them. What names become: schemas/generate_names.h.
 *
 * @param header, source  the texts are appended
 * @return STELE_E_INVALID  the schema's top is of another kind, or a name in the options is not a C
 *                          name
 *         STELE_E_LIMIT    the output would be longer than 64 MiB (next = STOP)
 *         On failure the texts are as before.
 */
stele_status stele_generate(const stele_schema *schema, const stele_generate_options *options,
                            stele_buffer *header, stele_buffer *source, stele_error *err);

/**
 * Read a schema file and write its header and source, named after it, into a folder that exists.
 * Files that would not change are left alone, so that nothing is compiled again for nothing. The
 * others are replaced when both are written: on failure the folder is as before.
 *
 * @param path    "events/purchase.avsc" makes purchase.h and purchase.c, with the prefix v1_
 *                v1_purchase.h and v1_purchase.c
 * @param with    NULL-terminated paths of schema files whose names may be referred to, each also by
 *                those after it, and whose headers may be included with this one; NULL: none
 * @param prefix  as in stele_generate_options
 * @return STELE_E_NOT_FOUND  a file or the folder does not exist or cannot be used (next = STOP)
 *         STELE_E_INVALID    as stele_generate and stele_schema_parse
 */
stele_status stele_generate_files(const char *path, const char *const *with, const char *folder,
                                  const char *prefix, stele_error *err);

#endif
