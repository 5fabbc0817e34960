/* SPDX-License-Identifier: MIT
 * An Avro schema as a value: parsed strictly, immutable, shared by reference count.
 * Apache Avro 1.11/1.12, "Schema Declaration", "Names", "Aliases", "Parsing Canonical Form". */
#ifndef STELE_SCHEMA_H
#define STELE_SCHEMA_H

#include <stdbool.h>

#include <stele/buffer.h>
#include <stele/bytes.h>
#include <stele/error.h>
#include <stele/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable once parsed; may be read by several threads at a time. */
typedef struct stele_schema stele_schema;

/** How a schema is read. All zero means the defaults. */
typedef struct stele_schema_options {
    const char *name;                /* file or subject, for messages; NULL: "schema"        */
    const stele_schema *const *with; /* schemas whose named types may be referred to;        */
                                     /* NULL-terminated array, or NULL; borrowed for the call */
    size_t text_max;                 /* bytes of text; 0: 1 MiB                              */
    size_t nodes_max;                /* types and fields in all; 0: 100,000                  */
    unsigned depth_max;              /* nesting; 0: 64                                       */
} stele_schema_options;

/**
 * Parse and validate the JSON text of a schema.
 *
 * @param options  NULL for the defaults
 * @param out      caller owns; release with stele_schema_free
 * @return STELE_E_INVALID  it is not a valid schema; the text says name, line, path and the way out
 *         STELE_E_LIMIT    it is past a limit (next = REJECT in both cases)
 */
STELE_API stele_status stele_schema_parse(stele_bytes text, const stele_schema_options *options,
                                          stele_schema **out, stele_error *err);

/** Another owner of the same schema; release each with stele_schema_free. */
STELE_API stele_schema *stele_schema_retain(const stele_schema *schema);

/** Give up one ownership; the last one frees it. NULL is fine. */
STELE_API void stele_schema_free(stele_schema *schema);

/** The text it was parsed from, byte for byte; valid as long as the schema. */
STELE_API stele_bytes stele_schema_source(const stele_schema *schema);

/** Full name of the record, enum or fixed at the top ("shop.Purchase"), or the name of the type
 * ("int"). */
STELE_API const char *stele_schema_name(const stele_schema *schema);

/** Append the Parsing Canonical Form: names of other files are written out in full where first
 * used. */
STELE_API void stele_schema_canonical(const stele_schema *schema, stele_buffer *out);

/** CRC-64-AVRO of the canonical form (specification, "Schema Fingerprints"). */
STELE_API uint64_t stele_schema_crc64(const stele_schema *schema);

/** SHA-256 of the canonical form. */
STELE_API void stele_schema_sha256(const stele_schema *schema, uint8_t digest[32]);

/** The same canonical form? Logical types, defaults, aliases and docs do not take part. */
STELE_API bool stele_schema_same_canonical(const stele_schema *a, const stele_schema *b);

/** The same in all that decoding can see: canonical form, defaults, aliases, enum defaults, logical
 * types. */
STELE_API bool stele_schema_equal(const stele_schema *a, const stele_schema *b);

/** What a check of two or more versions asks for (Confluent Schema Registry, "Compatibility
 * types"). */
typedef enum stele_compatibility {
    STELE_COMPATIBILITY_NONE = 0,
    STELE_COMPATIBILITY_BACKWARD, /* the new schema reads what the last one wrote */
    STELE_COMPATIBILITY_FORWARD,  /* the last schema reads what the new one writes */
    STELE_COMPATIBILITY_FULL,
    STELE_COMPATIBILITY_BACKWARD_TRANSITIVE, /* … and so with every version before */
    STELE_COMPATIBILITY_FORWARD_TRANSITIVE,
    STELE_COMPATIBILITY_FULL_TRANSITIVE
} stele_compatibility;

/** "BACKWARD_TRANSITIVE" and the like; any case, '-' for '_'. STELE_E_INVALID names the seven. */
STELE_API stele_status stele_compatibility_parse(stele_bytes text, stele_compatibility *out,
                                                 stele_error *err);
STELE_API const char *stele_compatibility_name(stele_compatibility mode);

/** One reason why a reader cannot read a writer. All texts are valid during the call only. */
typedef struct stele_finding {
    const char *kind; /* Avro Java's name: "NAME_MISMATCH", "FIXED_SIZE_MISMATCH", "TYPE_MISMATCH",
                         "MISSING_ENUM_SYMBOLS", "READER_FIELD_MISSING_DEFAULT_VALUE",
                         "MISSING_UNION_BRANCH"; or what it has no name for: "AMBIGUOUS_FIELD"
                         (aliases match two fields), "FIELD_ALIAS_UNUSED" (the record has another
                         full name), "DECIMAL_MISMATCH", "TOO_COMPLEX" */
    const char *path; /* where: "items[].sku", "" for the top */
    const char *text; /* for people: both types, and the way out */
    size_t version;   /* index into `old` of the version it is about */
    bool forward;     /* found while the old schema reads the new one */
} stele_finding;

typedef void stele_finding_each(void *context, const stele_finding *finding);

/**
 * Check a new schema against the versions before it and report every finding.
 *
 * @param old     from the oldest to the newest; `count` of them; modes that are not transitive look
 * at the last
 * @param each    called for each finding, in this thread; NULL to count only
 * @return the number of findings; 0 is compatible
 */
STELE_API size_t stele_schema_check(const stele_schema *next, const stele_schema *const *old,
                                    size_t count, stele_compatibility mode,
                                    stele_finding_each *each, void *context);

#ifdef __cplusplus
}
#endif

#endif
